"""The end of a line in master.cf: words, braces, options."""

import pytest

from common.errors import ConfigError
from common.options import Options
from master.arguments import parse_options, split_arguments

WHERE = "FILE, line 3"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b\tc ", ["a", "b", "c"]),
        ("-o { b = c d }", ["-o", "b = c d"]),
        ("-o {b={c d}}", ["-o", "b={c d}"]),
        ("-o b={c d}", ["-o", "b={c d}"]),
        ("{}", [""]),
        ("a,b", ["a,b"]),
        ('"a b"', ['"a', 'b"']),
    ],
)
def test_blanks_separate_and_braces_protect(text: str, words: list[str]) -> None:
    assert split_arguments(text, WHERE) == words


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ([], {}),
        (["-o", "a=b"], {"a": "b"}),
        (["-oa=b"], {"a": "b"}),
        (["-o", "a = b c"], {"a": "b c"}),
        (["-o", "a="], {"a": ""}),
        (["-o", "a=b=c"], {"a": "b=c"}),
        (["-o", "a=1", "-o", "a=2"], {"a": "2"}),
        (["-i", "5s", "-m7"], {"max_idle": "5s", "max_use": "7"}),
    ],
)
def test_options_become_settings(words: list[str], settings: dict[str, str]) -> None:
    assert parse_options(words, WHERE) == Options(settings, verbose=False)


@pytest.mark.parametrize("word", ["-v", "-vv"])
def test_verbose_is_counted_as_one(word: str) -> None:
    assert parse_options([word, "-v"], WHERE).verbose


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-o", "a", "=", "b"], "missing '=' after attribute name: \"a\""),
        (["-o", "=b"], 'missing attribute name: "=b"'),
        (["-o"], "-o needs a value"),
        (["-S"], 'unsupported option "-S"'),
        (["-vx"], 'unsupported option "-vx"'),
        (["x"], 'unexpected argument "x"'),
        (["-"], 'unexpected argument "-"'),
    ],
)
def test_no_argument_is_ignored(words: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options(words, WHERE)
    assert str(caught.value) == f"{WHERE}: {complaint}"
