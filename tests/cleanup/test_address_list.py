"""Promises of cleanup.address_list.

SEE ALSO
    spec/cleanup-behaviour.md, section 5
"""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.address_list import FOLD_COLUMN, complete_list, parse
from cleanup.rewrite import Rewriter
from common.params import CleanupParams
from tests.common.settings import load

LIMIT, TOKENS = 102_400, 10_240
COMPLETE = Rewriter(load(CleanupParams)).complete


def rewritten(
    name: bytes, value: bytes, *, limit: int = LIMIT, tokens: int = TOKENS
) -> bytes | None:
    """Return a header with complete addresses, None if none of them changed."""
    addresses = parse(value, tokens)
    return addresses.format(name, limit) if addresses.rewrite(COMPLETE) else None


# Name, value as sent, header as stored; None: byte for byte as sent.
RECORDED = [
    (b"From", b" bob", b"From: bob@mx.example.test"),
    (b"To", b" alice, carol@x.test", b"To: alice@mx.example.test, carol@x.test"),
    (b"Cc", b" dave (d)", b"Cc: dave@mx.example.test (d)"),
    (b"From", b' "Bob B." <bob>', b'From: "Bob B." <bob@mx.example.test>'),
    (
        b"To",
        b" Alice A <alice>, (c1) carol (c2)",
        b"To: Alice A <alice@mx.example.test>, carol@mx.example.test (c1) (c2)",
    ),
    (
        b"To",
        b" friends: a, b@x.test;, c",
        b"To: friends: a@mx.example.test, b@x.test;, c@mx.example.test",
    ),
    (b"To", b" a@x.test,\n b@x.test,\n\tc", b"To: a@x.test, b@x.test, c@mx.example.test"),
    (b"To", b"bob", b"To: bob@mx.example.test"),
    (b"To", b" ", None),
    (b"Cc", b" ,,", None),
    (b"From", b" <>", None),
    (b"To", b' "bob', b"To: bob@mx.example.test"),
    (b"Cc", b" (alice", None),
    (b"From", b" <carol", b'From: "<carol"@mx.example.test'),
    (b"To", b" a%b", b"To: a@b"),
    (b"From", b" host!user", b"From: user@host"),
    (b"To", b" " + b", ".join(b"user%02d@some.test" % n for n in range(20)), None),
]


# Not in the recorded cases, but tried with the same release.
TRIED = [
    (b"To", b" Bob <@r.test:a@b.test>", b"To: Bob <a@b.test>"),
    (b"To", b" Bob <@r1,@r2:bob>", b"To: Bob <bob@mx.example.test>"),
    (b"To", b" @r.test:bob", b"To: bob@mx.example.test"),
    (b"To", b" @r.test:bob@x.test", b"To: bob@x.test"),
    (b"To", b" bob,", b"To: bob@mx.example.test, "),
    (b"To", b" ,bob", b"To: , bob@mx.example.test"),
    (b"To", b" bob, Bob <a@b.test> (c)", b"To: bob@mx.example.test, Bob <a@b.test>(c)"),
    (b"To", b" bob, Bob (c) <a@b.test>", b"To: bob@mx.example.test, Bob (c) <a@b.test>"),
    (b"To", b" bob, A. B. <a@b.test>", b"To: bob@mx.example.test, A.B. <a@b.test>"),
    (b"To", b' "a@b"', b'To: "a@b"@mx.example.test'),
    (b"To", b' bob, "a@b"', b'To: bob@mx.example.test, "a@b"@mx.example.test'),
    (b"To", b' "a@b" <bob>', b'To: "a@b" <bob@mx.example.test>'),
    (b"To", b" bob, a@b@c", b'To: bob@mx.example.test, "a@b"@c'),
    (b"To", b" g:;, bob", b"To: g: ;, bob@mx.example.test"),
    (b"To", b" g : a@b;, bob", b"To: g: a@b;, bob@mx.example.test"),
    (b"To", b" bob,,alice", b"To: bob@mx.example.test, , alice@mx.example.test"),
    (b"To", b" bob;alice", b"To: bob@mx.example.test;, alice@mx.example.test"),
    (b"To", b" a (c) @b.test, bob", b"To: a@b.test (c), bob@mx.example.test"),
    (b"To", b" bob, a@(c)b.test", b"To: bob@mx.example.test, a@b.test (c)"),
    (b"To", b' "bob"', b"To: bob@mx.example.test"),
    (b"To", b' bob, "a.b" <"c.d"@b.test>', b'To: bob@mx.example.test, "a.b" <c.d@b.test>'),
    (b"To", b" bob, x  y <a@b.test>", b"To: bob@mx.example.test, x y <a@b.test>"),
    (b"To", b" a . b@c.test", None),
    (b"To", b" a@ d . test", None),
]


@pytest.mark.parametrize(("name", "value", "header"), RECORDED)
def test_recorded_headers_are_rewritten_as_recorded(
    name: bytes, value: bytes, header: bytes | None
) -> None:
    assert rewritten(name, value) == header


@pytest.mark.parametrize(("name", "value", "header"), TRIED)
def test_other_headers_are_rewritten_as_the_reference_does(
    name: bytes, value: bytes, header: bytes | None
) -> None:
    assert rewritten(name, value) == header


def test_a_long_list_is_folded_before_the_70th_column() -> None:
    header = rewritten(b"To", b" " + b", ".join(b"user%02d" % n for n in range(20)))
    assert header is not None
    assert header.split(b"\n") == [
        b"To: user00@mx.example.test, user01@mx.example.test,",
        *(
            b"\tuser%02d@mx.example.test, user%02d@mx.example.test," % (n, n + 1)
            for n in range(2, 18, 2)
        ),
        b"\tuser18@mx.example.test, user19@mx.example.test",
    ]


def test_a_rewritten_header_is_cut_at_the_size_limit_wherever_that_is() -> None:
    header = rewritten(b"To", b" " + b", ".join(b"u%02d" % n for n in range(90)), limit=300)
    assert header is not None
    assert header.split(b"\n") == [
        b"To: u00@mx.example.test, u01@mx.example.test, u02@mx.example.test,",
        b"\tu03@mx.example.test, u04@mx.example.test, u05@mx.example.test,",
        b"\tu06@mx.example.test, u07@mx.example.test, u08@mx.example.test,",
        b"\tu09@mx.example.test, u10@mx.example.test, u11@mx.example.test,",
        b"\tu12@mx.example.test, u13@mx.example.test, u1",
    ]


def test_behind_the_token_limit_everything_is_lost_but_the_comma() -> None:
    header = rewritten(b"To", b" " + b", ".join(b"u%02d" % n for n in range(10)), tokens=10)
    assert header is not None
    assert header.split(b"\n") == [
        b"To: u00@mx.example.test, u01@mx.example.test, u02@mx.example.test,",
        b"\tu03@mx.example.test, u04@mx.example.test, ",
    ]


@pytest.mark.parametrize(
    ("value", "internals"),
    [
        (b"a@b", [b"a@b"]),
        (b"a . b @ c . test", [b"a.b@c.test"]),
        (b"a(c)@b(d).test", [b"a@b.test"]),
        (b'"a b"@c', [b"a b@c"]),
        (b'"a\\"b"@c', [b'a"b@c']),
        (b"a\\ b@c", [b"a b@c"]),
        (b"two words", [b"two", b"words"]),
        (b"a@[10.0.0.1]", [b"a@[10.0.0.1]"]),
        (b"Name <a@b>", [b"a@b"]),
        (b"g:;", []),
        (b"g: a, b;, c", [b"a", b"b", b"c"]),
        (b"(only a comment)", []),
        (b"a (c1 (c2) \\) c3) , b", [b"a", b"b"]),
        (b'"x, y" <a>, b', [b"a", b"b"]),
    ],
)
def test_addresses_are_found_in_any_syntax(value: bytes, internals: list[bytes]) -> None:
    assert [one.internal for one in parse(value, TOKENS).mailboxes] == internals


def test_an_empty_address_in_brackets_is_not_completed() -> None:
    addresses = parse(b"<>, bob", TOKENS)
    assert addresses.rewrite(COMPLETE)
    assert addresses.format(b"To", LIMIT) == b"To: <>, bob@mx.example.test"


# Whole addresses in all their dress.
atoms = st.sampled_from(["a", "bob", "x-y", "\u00e9", "user01", "a.b", "o'neil", "a+b"])
locals_ = st.one_of(atoms, st.sampled_from(['"a b"', '"x\\"y"', '"a@b"', '"<"']))
domains = st.sampled_from(["x.test", "b", "[10.0.0.1]", "some.example.test", "[IPv6:::1]"])
specs = st.builds("{}@{}".format, locals_, domains)
comments = st.sampled_from(["", " (c)", " (a (nested) one)", " (\\))"])
phrases = st.sampled_from(["", "Bob ", '"Bob, B." ', "A B C ", "=?utf-8?q?x?= "])
mailboxes = st.one_of(
    st.builds("{}{}".format, specs, comments),
    st.builds("{}<{}>{}".format, phrases, specs, comments),
)
address_lists = st.lists(mailboxes, min_size=1, max_size=6).map(", ".join)
groups = st.builds("{}: {};".format, st.sampled_from(["g", "My friends"]), address_lists)
blanks = st.sampled_from([" ", "\n ", "\n\t", "  "])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(address_lists, groups), min_size=1, max_size=3).map(", ".join), blanks)
def test_a_list_of_complete_addresses_is_never_changed(text: str, blank: str) -> None:
    value = text.replace(", ", "," + blank).encode()
    assert rewritten(b"To", b" " + value) is None


words = st.sampled_from(
    ["a@b.test", "a@b", "<c@d.test>", ",", " ", "\n ", "Bob", '"x"', ".", "@", "%", "a.b", "(c)"]
)


@pytest.mark.parametrize("append_dot_mydomain", ["yes", "no"])
@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(
        address_lists,
        st.text('ab.@<>,:;()"\\ \n\t[]%!é-_', max_size=30),
        st.lists(words, max_size=9).map("".join),
    )
)
def test_a_list_that_looks_complete_is_complete(append_dot_mydomain: str, text: str) -> None:
    complete = Rewriter(load(CleanupParams, append_dot_mydomain=append_dot_mydomain)).complete
    at_a_glance = complete_list(dotless=append_dot_mydomain == "no")
    if at_a_glance.match(text.encode()):
        assert not parse(text.encode(), TOKENS).rewrite(complete)


@pytest.mark.parametrize("append_dot_mydomain", ["yes", "no"])
@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(
        st.lists(st.sampled_from("ab_+|{'-=."), min_size=1, max_size=6).map("".join),
        st.text('ab.@<>,"\\ \n%!é-_+', max_size=6),
    ).flatmap(
        lambda local: st.sampled_from(["", "@b.test", "@b", "@-.x_", "@b.test.", "@b\n"]).map(
            local.__add__
        )
    )
)
def test_an_address_that_looks_whole_is_one_and_complete(
    append_dot_mydomain: str, text: str
) -> None:
    rewriter = Rewriter(load(CleanupParams, append_dot_mydomain=append_dot_mydomain))
    if rewriter.whole.match(text.encode()):
        (mailbox,) = parse(text.encode(), TOKENS).mailboxes
        full = rewriter.complete(mailbox.internal, bare_local=mailbox.bare_local)
        assert full == text.encode()


@pytest.mark.parametrize(
    "value",
    [
        b" a@b.test",
        b" Bob <a@b.test>, c@d.test",
        b' "Bob, B." <a@b.test>',
        b" a@b.test,\n\tc@d.test",
    ],
)
def test_ordinary_lists_are_seen_to_be_complete_at_a_glance(value: bytes) -> None:
    assert complete_list(dotless=False).match(value)
    assert complete_list(dotless=True).match(value)


@pytest.mark.parametrize("value", [b" a@b", b" Bob <a@b>"])
def test_a_domain_without_dot_is_complete_only_if_none_is_appended(value: bytes) -> None:
    assert complete_list(dotless=True).match(value)
    assert not complete_list(dotless=False).match(value)


@settings(max_examples=300, deadline=None)
@given(st.text('ab.@<>,:;()"\\ \n\t[]%!é', max_size=40), st.integers(1, 20))
def test_any_value_can_be_parsed_rewritten_and_formatted(text: str, tokens: int) -> None:
    addresses = parse(text.encode(), tokens)
    addresses.rewrite(COMPLETE)
    header = addresses.format(b"To", 200)
    assert header.startswith(b"To: ")
    assert len(header.replace(b"\n\t", b" ")) <= 200


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([b"bob", b"alice", b"c@d.test"]), min_size=1, max_size=40))
def test_no_line_of_short_addresses_passes_the_fold_column(names: list[bytes]) -> None:
    header = parse(b", ".join(names), TOKENS)
    header.rewrite(COMPLETE)
    lines = header.format(b"To", LIMIT).split(b"\n")
    assert all(len(line) <= FOLD_COLUMN + 1 for line in lines)
    assert b" ".join(line.strip() for line in lines) == b"To: " + b", ".join(
        COMPLETE(name) for name in names
    )


@pytest.mark.parametrize(
    "value", [b"<", b'"', b"(", b"\\", b"[", b"<a>", b"a,", b":", b"a:;", b")"]
)
def test_a_hostile_list_takes_no_longer_than_a_long_one(value: bytes) -> None:
    def seconds(count: int) -> float:
        begin = time.process_time()
        parse(value * count, count * 4).rewrite(COMPLETE)
        return time.process_time() - begin

    short = min(seconds(1000) for _ in range(3))
    long = min(seconds(8000) for _ in range(2))
    assert long < 8 * short * 3 + 0.02
