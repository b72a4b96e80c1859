"""The command line of a daemon, as master gives it."""

import pytest

from common.errors import ConfigError
from common.options import Options


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Options({})),
        (["-t", "inet", "-u"], Options({}, transport="inet", unprivileged=True)),
        (["-l", "-z", "-n", "x", "-tunix", "-c"], Options({}, service="x", chroot=True)),
        (["-s", "3", "-v", "-v"], Options({}, sockets=3, verbose=True)),
        (["-vuD"], Options({}, verbose=True, unprivileged=True, debug=True)),
        (["-S", "-V", "-d"], Options({}, one_shot=True, to_stderr=True, terminal=True)),
        (["-i", "5s", "-m7"], Options({"max_idle": "5s", "max_use": "7"})),
        (
            ["-o", "a = b c", "-ob=", "-uoc=d"],
            Options({"a": "b c", "b": "", "c": "d"}, unprivileged=True),
        ),
        (["-o", "max_use=1", "-m", "2"], Options({"max_use": "2"})),
        (["-m", "2", "-o", "max_use=1"], Options({"max_use": "1"})),
        (["-n", "-x"], Options({}, service="-x")),
    ],
)
def test_options_are_what_postfix_makes_of_them(words: list[str], expected: Options) -> None:
    assert Options.parse(words) == expected


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-q"], 'unsupported option "-q"'),
        (["-vq"], 'unsupported option "-vq"'),
        (["--help"], 'unsupported option "--help"'),
        (["word"], 'unexpected argument "word"'),
        (["-v", "-"], 'unexpected argument "-"'),
        (["-o"], "-o needs a value"),
        (["-vn"], "-n needs a value"),
        (["-o", "a"], "missing '=' after attribute name: \"a\""),
        (["-t", "tcp"], "unsupported transport type: tcp"),
        (["-s", "0"], "bad socket count: 0"),
        (["-s", "x"], "bad socket count: x"),
        (["-s", "\u0663"], "bad socket count: \u0663"),
        (["-r", "5"], "our daemons do not retire: -r is not supported"),
    ],
)
def test_no_word_is_ignored(words: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Options.parse(words)
    assert str(caught.value) == f"command line: {complaint}"
