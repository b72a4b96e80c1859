"""What holds for all tests."""

from hypothesis import settings

# How long one example takes says more about the machine's other work than about the code; what
# has to be fast has a test that measures it.
settings.register_profile("postroom", deadline=None)
settings.load_profile("postroom")
