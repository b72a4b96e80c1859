"""mutation - inputs made of seeds: pieces taken out, put in, exchanged and repeated

DESCRIPTION
    inputs() is for Hypothesis, which can repeat and shorten what it makes.
    Chance makes inputs by the million.
"""

from random import Random

from hypothesis import strategies as st

from tests.fuzz.target import Target

Edit = tuple[int, int, bytes, int]  # place, bytes that go, what comes, and how often

BYTES = (b"\0", b"\n", b"\xff", b"\x80", b" ", b"0", b"9" * 20)
SCRAP = 12  # bytes
FIRST = 3  # the last of the bytes that often choose how the others are used
PLACES = 2**16
AS_MANY = -1  # as come: what stands behind keeps its place
GONE = [0, 0, 0, 0, AS_MANY, AS_MANY, 1, 2, 4, 16, PLACES]
TIMES = [0, 1, 1, 1, 1, 1, 2, 30]
EDITS = 4
OWN_BYTES = 4  # of a scrap that is nobody's
LONGEST = 8192  # bytes of an input: above 4300 digits Python makes no number of a text


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Return the inputs of a target."""
    seeds = target.seeds()
    edit = st.tuples(
        st.one_of(st.integers(0, FIRST), st.integers(0, PLACES - 1)),
        st.sampled_from(GONE),
        st.one_of(
            st.sampled_from([*target.tokens, *BYTES]),
            st.sampled_from(scraps(seeds)),
            st.binary(max_size=OWN_BYTES),
        ),
        st.sampled_from(TIMES),
    )
    return st.builds(edited, st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=EDITS))


class Chance:
    """The same inputs, of these seeds, without end."""

    def __init__(self, target: Target, seeds: list[bytes], random: Random) -> None:
        self._random = random
        self._seeds = seeds
        self._tokens = [*target.tokens, *BYTES]
        self._scraps = scraps(seeds)

    def __iter__(self) -> "Chance":
        """Return what next() is asked of."""
        return self

    def __next__(self) -> bytes:
        """Return one input."""
        edits = [self._edit() for _ in range(self._random.randint(1, EDITS))]
        return edited(self._random.choice(self._seeds), edits)[:LONGEST]

    def _edit(self) -> Edit:
        random = self._random
        place = random.randrange(random.choice((FIRST + 1, PLACES)))
        kind = random.randrange(3)
        if kind == 0:
            scrap = random.choice(self._tokens)
        elif kind == 1:
            scrap = random.choice(self._scraps)
        else:
            scrap = random.randbytes(random.randint(0, OWN_BYTES))
        return place, random.choice(GONE), scrap, random.choice(TIMES)


def scraps(seeds: list[bytes]) -> list[bytes]:
    """Return the lines of seeds, and pieces of equal size."""
    lines = [line for seed in seeds for line in seed.splitlines(keepends=True)]
    return lines + [
        seed[place : place + SCRAP] for seed in seeds for place in range(0, len(seed), SCRAP)
    ]


def edited(seed: bytes, edits: list[Edit]) -> bytes:
    """Return the seed with these edits, each at a place modulo its length."""
    for place, gone, scrap, times in edits:
        place %= len(seed) + 1
        new = scrap * times
        end = place + (len(new) if gone == AS_MANY else gone)
        seed = seed[:place] + new + seed[end:]
    return seed
