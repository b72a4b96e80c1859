"""Promises of common.address.

SEE ALSO
    RFC 822, section 3.3
"""

import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from common.address import ROUTE, quote, split, split_route, unquote

# As recorded in trace headers: "for <EXTERNAL>".
FORMS = [
    (b"r1@to.test", b"r1@to.test"),
    (b"bob", b"bob"),
    (b"", b'""'),
    (b"a b@c.test", b'"a b"@c.test'),
    (b'"a b"@c.test', b'"\\"a b\\""@c.test'),
    (b"<a@b.test>", b'"<a"@b.test>'),
    (b"caf\xe9@b.test", b"caf\xe9@b.test"),
    (b"caf\xc3\xa9@b.test", b"caf\xc3\xa9@b.test"),
    (b"a@b@c.test", b'"a@b"@c.test'),
    (b"a%b@c.test", b"a%b@c.test"),
    (b"host!user", b"host!user"),
    (b"@r.test:a@b.test", b"@r.test:a@b.test"),
    (b"@r.test:a b@b.test", b'@r.test:"a b"@b.test'),
    (b"a+ext@b.test", b"a+ext@b.test"),
    (b"a@b.test.", b"a@b.test."),
    (b"a@[10.0.0.1]", b"a@[10.0.0.1]"),
    (b"-x@b.test", b"-x@b.test"),
    (b"a\\b@c.test", b'"a\\\\b"@c.test'),
    (b'a"b@c.test', b'"a\\"b"@c.test'),
    (b"@", b'""@'),
    (b"@b.test", b'""@b.test'),
    (b"a..b@c.test", b'"a..b"@c.test'),
    (b"a.@b.test", b'"a."@b.test'),
    (b".a@b.test", b'".a"@b.test'),
    (b"A.B@C.TEST", b"A.B@C.TEST"),
    (b"#@[]", b"#@[]"),
    (b"a(comment)@b.test", b'"a(comment)"@b.test'),
    (b"a,b@c.test", b'"a,b"@c.test'),
    (b"a\tb@c.test", b'"a\tb"@c.test'),
    (b"a\rb@c.test", b'"a\\\rb"@c.test'),
]

addresses = st.one_of(
    st.binary(max_size=20),
    st.lists(st.sampled_from([b"a", b"b.c", b".", b"@", b" ", b'"', b"\\", b":", b"\xe9"])).map(
        b"".join
    ),
)


@pytest.mark.parametrize(("internal", "external"), FORMS)
def test_a_local_part_is_quoted_where_it_must_be(internal: bytes, external: bytes) -> None:
    assert quote(internal) == external


@pytest.mark.parametrize(("internal", "external"), FORMS)
def test_the_internal_form_comes_back(internal: bytes, external: bytes) -> None:
    assert unquote(external) == internal


@pytest.mark.parametrize(
    ("external", "internal"),
    [
        (b'"bob"@b.test', b"bob@b.test"),
        (b'"a\\ b"@b.test', b"a b@b.test"),
        (b"a\\ b@b.test", b"a b@b.test"),
        (b'"a" "b"@b.test', b"a b@b.test"),
        (b'"unclosed@b.test', b"unclosed@b.test"),
        (b"trailing\\@b.test", b"trailing@b.test"),
    ],
)
def test_needless_quotes_are_undone(external: bytes, internal: bytes) -> None:
    assert unquote(external) == internal


@settings(max_examples=300, deadline=None)
@given(addresses)
@example(b'@r.test:"a b"@c.test')
def test_quoting_can_be_undone(internal: bytes) -> None:
    route, _ = split_route(internal)
    assume(not re.search(rb'["\\]', route))  # a route is copied as it stands
    assert unquote(quote(internal)) == internal


@settings(max_examples=200, deadline=None)
@given(addresses)
def test_quoting_leaves_the_domain_alone(internal: bytes) -> None:
    assert split(quote(internal))[1] == split(internal)[1]


@settings(max_examples=200, deadline=None)
@given(addresses)
def test_a_route_and_the_rest_are_the_address(internal: bytes) -> None:
    route, rest = split_route(internal)
    assert route + rest == internal
    assert bool(route) == bool(ROUTE.match(internal))


@pytest.mark.parametrize(
    ("address", "route", "rest"),
    [
        (b"@r1.test,@r2.test:a@b.test", b"@r1.test,@r2.test:", b"a@b.test"),
        (b"@r.test:a", b"", b"@r.test:a"),
        (b"a:b@c.test", b"", b"a:b@c.test"),
        (b"@:@", b"@:", b"@"),
        (b"@r\n:a\n@b", b"@r\n:", b"a\n@b"),
    ],
)
def test_a_route_stands_in_front_of_a_full_address(
    address: bytes, route: bytes, rest: bytes
) -> None:
    assert split_route(address) == (route, rest)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        (b"a@b", (b"a", b"b")),
        (b"a@b@c", (b"a@b", b"c")),
        (b"a", (b"a", None)),
        (b"a@", (b"a", b"")),
        (b"@", (b"", b"")),
        (b"", (b"", None)),
    ],
)
def test_the_last_at_sign_divides(address: bytes, parts: tuple[bytes, bytes | None]) -> None:
    assert split(address) == parts
