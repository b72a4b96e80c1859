"""mutation - inputs made of seeds, for Hypothesis"""

from hypothesis import strategies as st

from tests.fuzz.target import Target

Edit = tuple[int, int, bytes, int]  # place, bytes that go, what comes, and how often

BYTES = (b"\0", b"\n", b"\xff", b"\x80", b" ", b"0", b"9" * 20)
SCRAP = 12  # bytes
FIRST = 3  # the last of the bytes that often choose how the others are used


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Return seeds with pieces taken out, put in, exchanged and repeated."""
    seeds = target.seeds()
    lines = [line for seed in seeds for line in seed.splitlines(keepends=True)]
    scraps = [seed[place : place + SCRAP] for seed in seeds for place in range(0, len(seed), SCRAP)]
    edit = st.tuples(
        st.one_of(st.integers(0, FIRST), st.integers(0, 2**16 - 1)),
        st.sampled_from([0, 0, 0, 0, 1, 2, 4, 16, 2**16]),
        st.one_of(
            st.sampled_from([*target.tokens, *BYTES]),
            st.sampled_from([*lines, *scraps]),
            st.binary(max_size=4),
        ),
        st.sampled_from([0, 1, 1, 1, 1, 1, 2, 30]),
    )
    return st.builds(edited, st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=4))


def edited(seed: bytes, edits: list[Edit]) -> bytes:
    """Return the seed with these edits, each at a place modulo its length."""
    for place, gone, scrap, times in edits:
        place %= len(seed) + 1
        seed = seed[:place] + scrap * times + seed[place + gone :]
    return seed
