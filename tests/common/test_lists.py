"""Promises of common.lists.

SEE ALSO
    spec/config-syntax.md, section 4
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.lists import FILE_NESTING_LIMIT, HostList, WordList
from common.tables import Options, TableError
from common.values import split_words
from tests.common.journal import Journal

HOST = ("mail.example.test", "192.0.2.7")
LOCAL = ("localhost", "127.0.0.1")
SIX = ("six.example.test", "2001:db8::7")
NAMELESS = ("unknown", "192.0.2.9")


def contains(text: str, host: tuple[str, str], *, match_parents: bool = True) -> bool:
    hosts, _ = prepared(text, match_parents=match_parents)
    return hosts.contains(*host)


def prepared(text: str, *, match_parents: bool = True) -> tuple[HostList, Journal]:
    journal = Journal()
    options = Options(journal)
    return HostList("clients", split_words(text), options, match_parents=match_parents), journal


def complaint(text: str, host: tuple[str, str] = HOST) -> str:
    """Return what is logged of a lookup that fails, errors of the opening left out."""
    hosts, journal = prepared(text)
    opened = len(journal.lines())
    with pytest.raises(TableError) as found:
        hosts.contains(*host)
    return "\n".join([*journal.lines()[opened:], str(found.value)])


@pytest.mark.parametrize(
    ("text", "host", "answer"),
    [
        ("", HOST, False),
        ("mail.example.test", HOST, True),
        ("MAIL.Example.TEST", HOST, True),
        ("mail.example.test", ("Mail.EXAMPLE.test", "192.0.2.7"), True),
        ("ail.example.test", HOST, False),
        ("mail.example", HOST, False),
        ("unknown", NAMELESS, True),
        ("unknown", HOST, False),
        ("192.0.2.7", HOST, True),
        ("[192.0.2.7]", HOST, True),
        ("192.0.2.70", HOST, False),
        ("192.0.2", HOST, False),
        ("192.0.2.0/24", HOST, True),
        ("192.0.3.0/24", HOST, False),
        ("192.0.2.7/32", HOST, True),
        ("0.0.0.0/0", HOST, True),
        ("0.0.0.0/0", SIX, False),
        ("::/0", SIX, True),
        ("::/0", HOST, False),
        ("2001:db8::7", SIX, True),
        ("[2001:db8::7]", SIX, True),
        ("2001:DB8:0::7", SIX, True),
        ("[2001:db8::]/32", SIX, True),
        ("2001:db8::/32", SIX, True),
        ("2001:db9::/32", SIX, False),
        ("127.0.0.0/8", LOCAL, True),
        ("static:all", NAMELESS, True),
    ],
)
def test_an_element_names_a_host_an_address_or_a_network(
    text: str, host: tuple[str, str], answer: bool
) -> None:
    assert contains(text, host) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("!127.0.0.1, 127.0.0.0/8", False),
        ("127.0.0.0/8, !127.0.0.1", True),
        ("!127.0.0.2 127.0.0.0/8", True),
        ("!localhost static:all", False),
        ("!static:all 127.0.0.1", False),
        ("!!127.0.0.1", True),
        ("!!!127.0.0.1 127.0.0.1", False),
        ("!127.0.0.1", False),
        ("other.test 10.0.0.0/8", False),
        ("other.test,10.0.0.0/8\tlocalhost", True),
    ],
)
def test_the_first_element_that_matches_decides(text: str, answer: bool) -> None:
    assert contains(text, LOCAL) is answer


@pytest.mark.parametrize(
    ("text", "match_parents", "answer"),
    [
        ("example.test", True, True),
        ("example.test", False, False),
        (".example.test", True, False),
        (".example.test", False, True),
        ("test", True, True),
        ("xample.test", True, False),
        (".xample.test", False, False),
        ("mail.example.test", False, True),
        (".mail.example.test", False, False),
        (".mail.example.test", True, False),
        ("!example.test static:all", True, False),
    ],
)
def test_subdomains_are_named_by_parent_or_by_leading_dot_never_both_ways(
    text: str, match_parents: bool, answer: bool
) -> None:
    assert contains(text, HOST, match_parents=match_parents) is answer


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/x",
        "10.0.0.0/-1",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/0.255.255.255",
        "[10.0.0.0]/33",
        "2001:db8::/129",
    ],
)
def test_a_network_that_is_none_leaves_the_question_open(text: str) -> None:
    same, other = (SIX, HOST) if "::" in text else (HOST, SIX)
    words = complaint(text, same)
    assert words.startswith("clients: bad ")
    plain = text.replace("[", "").replace("]", "")
    assert words.endswith(f'"{plain}"')
    assert not contains(text, other)


def test_a_network_with_host_bits_leaves_the_question_open_and_names_the_better_one() -> None:
    assert complaint("127.0.0.1/8") == (
        'clients: non-null host address bits in "127.0.0.1/8",'
        ' perhaps you should use "127.0.0.0/8" instead'
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fail:x", "clients: fail:x: table lookup problem"),
        (
            "nosuch:x",
            "warning: nosuch:x is unavailable. unsupported dictionary type: nosuch\n"
            "clients: nosuch:x: table lookup problem",
        ),
        ("!fail:x", "clients: fail:x: table lookup problem"),
    ],
)
def test_a_table_that_cannot_answer_leaves_the_question_open(text: str, words: str) -> None:
    assert complaint(text) == words


@pytest.mark.parametrize("broken", ["127.0.0.1/8", "fail:x", "nosuch:x", "/no/such/file"])
def test_what_is_broken_matters_only_when_its_turn_comes(broken: str) -> None:
    assert contains(f"mail.example.test {broken}", HOST)
    assert not contains(f"!mail.example.test {broken}", HOST)
    assert complaint(f"other.test {broken} mail.example.test")


def test_a_missing_file_leaves_the_question_open_and_is_a_problem_at_once() -> None:
    _, journal = prepared("/no/such/file")
    assert journal.lines() == ["error: open file /no/such/file: No such file or directory"]
    assert "open file /no/such/file: No such file or directory" in complaint("/no/such/file")


@pytest.mark.parametrize(
    ("text", "content", "answer"),
    [
        ("{}", "127.0.0.1", True),
        ("{}", "10.0.0.1\n", False),
        ("{}", "", False),
        ("{}", "# 127.0.0.1\n  # 127.0.0.1\n", False),
        ("{}", "10.0.0.1, 10.0.0.2\n\n127.0.0.1 10.0.0.3\n", True),
        ("{}", "!127.0.0.1\n127.0.0.0/8", False),
        ("!{} static:all", "127.0.0.1", False),
        ("!{} static:all", "10.0.0.1", True),
        ("!{} static:all", "!127.0.0.1", True),
        ("10.0.0.1 {} static:all", "!127.0.0.1", False),
    ],
)
def test_a_file_holds_more_elements(tmp_path: Path, text: str, content: str, answer: bool) -> None:
    path = tmp_path / "clients"
    path.write_text(content)
    assert contains(text.format(path), LOCAL) is answer


def test_files_may_nest(tmp_path: Path) -> None:
    for depth in range(FILE_NESTING_LIMIT - 1):
        (tmp_path / str(depth)).write_text(f"10.0.0.{depth} {tmp_path}/{depth + 1}\n")
    (tmp_path / str(FILE_NESTING_LIMIT - 1)).write_text("127.0.0.1")
    assert contains(f"{tmp_path}/0", LOCAL)
    assert not contains(f"{tmp_path}/0", HOST)


def test_a_missing_file_in_a_file_matters_when_its_turn_comes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"127.0.0.1 {tmp_path}/missing 192.0.2.7")
    assert contains(f"{tmp_path}/a", LOCAL)
    assert "No such file" in complaint(f"{tmp_path}/a")


def test_a_file_that_names_itself_leaves_the_question_open(tmp_path: Path) -> None:
    (tmp_path / "loop").write_text(f"127.0.0.1 {tmp_path}/loop")
    assert contains(f"{tmp_path}/loop", LOCAL)
    assert "nest too deeply" in complaint(f"{tmp_path}/loop")


def test_a_file_that_names_itself_often_is_not_read_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop").write_text(f"{tmp_path}/loop " * 10)
    reads = 0
    read_text = Path.read_text

    def counted(path: Path, encoding: str, errors: str) -> str:
        nonlocal reads
        reads += 1
        assert reads < 2000, "the file was read 2,000 times"
        return read_text(path, encoding, errors)

    monkeypatch.setattr(Path, "read_text", counted)
    assert "nest too deeply" in complaint(f"{tmp_path}/loop")


@pytest.mark.parametrize(
    ("key", "host", "answer"),
    [
        ("mail.example.test", HOST, True),
        ("example.test", HOST, True),
        ("test", HOST, True),
        ("192.0.2.7", HOST, True),
        ("192.0.2", HOST, False),
        ("192.0.2.0/24", HOST, False),
        ("2001:db8::7", SIX, True),
        ("EXAMPLE.test", HOST, True),
        ("ple.test", HOST, False),
    ],
)
def test_a_table_is_asked_for_name_parents_and_address(
    key: str, host: tuple[str, str], answer: bool
) -> None:
    assert contains(f"inline:{{{key}=anything}}", host) is answer


def test_a_table_of_networks_is_asked_for_the_address(tmp_path: Path) -> None:
    (tmp_path / "networks").write_text("!192.0.2.0/24 no\n::/0 six\n")
    assert not contains(f"cidr:{tmp_path}/networks", HOST)
    assert contains(f"cidr:{tmp_path}/networks", SIX)
    assert contains(f"cidr:{tmp_path}/networks", LOCAL)


# Without a name.


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", False),
        ("192.0.2.7", True),
        ("192.0.2.0/24", True),
        ("!192.0.2.7, 192.0.2.0/24", False),
        ("198.51.100.0/24", False),
        ("static:all", True),
        ("!static:all", False),
        ("cidr:{{192.0.2.0/24 ok}}", True),
        ("cidr:{{198.51.100.0/24 ok}}", False),
        ("inline:{192.0.2.7=ok}", True),
        ("inline:{192.0.2.8=ok}", None),
        ("example.test", None),
        ("unknown", None),
        ("example.test, 192.0.2.7", True),
        ("192.0.2.7, example.test", True),
        ("!192.0.2.7, example.test", False),
        ("!example.test, 192.0.2.7", None),
        ("!example.test", False),
        ("!example.test, !192.0.2.7", False),
        ("example.test, !192.0.2.7", None),
        ("!example.test, a.test", None),
        ("example.test, a.test, static:all", True),
        (".example.test", False),
        ("fail:x, 192.0.2.7", TableError),
        ("192.0.2.7, fail:x", True),
        ("example.test, fail:x", TableError),
        ("192.0.2.7/8", TableError),
    ],
)
def test_an_address_alone_often_decides(text: str, answer: bool | type[TableError] | None) -> None:
    hosts, _ = prepared(text)
    if answer is TableError:
        with pytest.raises(TableError):
            hosts.contains_address(HOST[1])
    else:
        assert hosts.contains_address(HOST[1]) is answer


ELEMENTS = st.sampled_from(
    [
        *("mail.example.test", "example.test", ".example.test", "unknown", "test", "a.test"),
        *("192.0.2.7", "192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32", "static:all"),
        *("cidr:{{192.0.2.0/25 ok}}", "inline:{192.0.2.7=ok}", "inline:{example.test=ok}"),
    ]
)


@given(
    st.lists(st.tuples(st.sampled_from(["", "!"]), ELEMENTS).map("".join), max_size=5),
    st.booleans(),
    st.sampled_from([HOST, LOCAL, SIX, NAMELESS, ("a.test", "198.51.100.1")]),
)
def test_what_an_address_decides_no_name_changes(
    elements: list[str], match_parents: bool, host: tuple[str, str]
) -> None:
    hosts, _ = prepared(" ".join(elements), match_parents=match_parents)
    answer = hosts.contains_address(host[1])
    assert answer in (None, hosts.contains(*host))


# Words.


def words(text: str) -> tuple[WordList, Journal]:
    journal = Journal()
    return WordList("words", split_words(text), Options(journal)), journal


@pytest.mark.parametrize(
    ("text", "word", "answer"),
    [
        ("", "a", False),
        ("a.test b.test", "B.TEST", True),
        ("a.test", "sub.a.test", False),
        ("!a.test, static:x", "a.test", False),
        ("!a.test, static:x", "b.test", True),
        ("inline:{a.test=1}", "A.test", True),
        ("inline:{a.test=1}", "b.test", False),
        ("[192.0.2.1]", "[192.0.2.1]", True),
        ("É", "é", True),
    ],
)
def test_words_are_found_in_any_case(text: str, word: str, answer: bool) -> None:
    assert words(text)[0].contains(word) is answer


def test_words_stand_in_files_too(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text("# not one\na.test\n")
    assert words(f"!{path}, static:x")[0].contains("a.test") is False
    assert words(f"!{path}, static:x")[0].contains("one") is True


def test_a_word_that_nobody_can_judge_is_a_failure() -> None:
    with pytest.raises(TableError, match="words: fail:x: table lookup problem"):
        words("b, fail:x")[0].contains("a")
    assert words("a, fail:x")[0].contains("a")
