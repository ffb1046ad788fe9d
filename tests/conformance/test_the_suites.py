"""The suites themselves: the strict parser, and that a proxy which checks nothing fails."""

import pytest

from . import misbehaving, odd, wire
from .cases import Group, number
from .relay import Relay
from .tables import MISBEHAVING, ODD_REQUESTS

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"GET  /a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /a HTTP/2.0\r\nHost: h\r\n\r\n",
        b"GET /a HTTP/1.1\nHost: h\r\n\r\n",
        b"GET /a HTTP/1.1\r\n\r\n",
        GET + b"Host: h\r\n\r\n",
        GET + b"A : b\r\n\r\n",
        GET + b"A\r\n\r\n",
        GET + b" A: b\r\n\r\n",
        GET + b"A: \x00\r\n\r\n",
        GET + b"A: b\rc\r\n\r\n",
        GET + b"A: b\nc: d\r\n\r\n",
        GET + b"Content-Length: +1\r\n\r\nx",
        GET + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        GET + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n1;a=\r\nx\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx\r\n0\r\n\r\n",
    ],
)
def test_the_strict_parser_refuses_what_breaks_the_grammar(data):
    with pytest.raises(wire.Broken):
        wire.parse_request(data)


def test_the_strict_parser_reads_a_request_from_any_number_of_its_bytes():
    data = GET + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: u\r\n\r\nGET"
    whole = wire.parse_request(data)
    assert (whole.target, whole.body, whole.trailers) == (b"/a", b"hello", [(b"X-T", b"u")])
    assert data[whole.end :] == b"GET"
    for n in range(whole.end):
        assert wire.parse_request(data[:n]) is None


def test_the_strict_parser_notes_odd_bytes_that_end_nothing():
    assert wire.parse_request(GET + b"A: \x01\r\n\r\n").odd
    assert wire.parse_request(b"GET /\xe4 HTTP/1.1\r\nHost: h\r\n\r\n").odd
    assert not wire.parse_request(GET + b"A: \xe4\r\n\r\n").odd


@pytest.mark.parametrize(
    "data, body, complete",
    [
        (OK + b"Content-Length: 2\r\n\r\nab", b"ab", True),
        (OK + b"Content-Length: 3\r\n\r\nab", b"ab", False),
        (OK + b"\r\nab", b"ab", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", b"ab", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"ab", False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\na", b"a", False),
        (OK + b"Content-Le", b"", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    ],
)
def test_the_strict_parser_tells_a_cut_response_from_a_whole_one(data, body, complete):
    message = wire.parse_response(data, eof=True)
    assert (message.body, message.complete) == (body, complete)


def chosen(groups, names):
    """The groups of those names, as copies of their own, since marks are given per run."""
    copies = []
    for group in groups:
        if group.name in names:
            copy = type(group)(group.name, group.title)
            copy.__dict__.update(group.__dict__)
            copy.cases = [type(c).__new__(type(c)) for c in group.cases]
            for new, old in zip(copy.cases, group.cases):
                new.__dict__.update(old.__dict__)
                new.group = copy
            copies.append(copy)
    assert len(copies) == len(names)
    return number(copies)


def test_a_proxy_that_checks_nothing_fails_each_odd_request_that_must_be_refused():
    cases = chosen(ODD_REQUESTS, {"content-length", "length-and-coding", "line-end", "chunk-size", "host"})
    verdicts, _ = odd.run(cases, Relay, timeout=2)
    for case, complaints in verdicts.items():
        if case.expects[0].kind in ("reject", "abort", "refuse"):
            assert complaints, "nothing wrong with %s?" % case
    assert sum(any(c.unsafe for c in complaints) for complaints in verdicts.values()) > 100


def test_a_proxy_that_checks_nothing_fails_each_endpoint_that_must_be_hidden():
    cases = chosen(MISBEHAVING, {"status-line", "response-length", "response-lines", "response-coding"})
    verdicts, _ = misbehaving.run(cases, Relay, timeout=2)
    for case, complaints in verdicts.items():
        if all(e.kind == "bad" for e in case.expects):
            assert complaints, "nothing wrong with %s?" % case


def test_a_group_takes_no_name_twice():
    group = Group("a", "A")
    group.forward({"x": b"1"})
    with pytest.raises(AssertionError):
        group.forward({"x": b"2"})
