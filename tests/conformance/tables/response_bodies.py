"""Misbehaving endpoints: where does the body end? (RFC 9112 sections 6 and 7)"""

from ..cases import CLOSE, PAUSE, RESET, Answer, head, ok, pieces
from .shared import BAD, CUT, HEAD, HELLO, STRAY, tables

GROUPS, scripts = tables()


# ----------------------------------------------------------------------------------------------------
g = scripts("response-length", "Content-Length of a response")


def sized_as(value, body=b"hello"):
    return head(b"Content-Length:" + value, body=body)


g.whole(
    {
        "five": sized_as(b" 5"),
        "zero": sized_as(b" 0", b""),
        "leading zeros": sized_as(b" 005"),
        "tab": sized_as(b"\t5"),
        "tab behind": sized_as(b" 5\t"),
        "40 leading zeros": sized_as(b" " + b"0" * 40 + b"5"),
        "blanks": sized_as(b"   5  "),
        "lower case": head(b"content-length: 5", body=b"hello"),
        "body of all bytes": ok(bytes(range(256))),
        "body like a response": ok(STRAY),
        "1 MB": ok(b"0123456789" * 100000),
        "body later": [ok()[:-5], PAUSE, b"he", PAUSE, b"llo"],
        "head of its own": [head(b"Content-Length: 5"), PAUSE, b"hello"],
    }
)
g.bad(
    {
        name: sized_as(b" " + value)
        for name, value in {
            "empty": b"",
            "plus": b"+5",
            "minus": b"-5",
            "minus zero": b"-0",
            "point": b"5.0",
            "hex": b"0x5",
            "hex digit": b"a",
            "underscore": b"0_5",
            "inner space": b"0 5",
            "letters": b"five",
            "letter behind": b"5a",
            "semicolon": b"5;",
            "quoted": b'"5"',
            "comma": b"5,",
            "leading comma": b",5",
            "list of the same": b"5, 5",
            "list of different": b"5, 6",
            "exponent": b"5e0",
            "NUL": b"5\x00",
            "vertical tab": b"\x0b5",
            "no-break space": b"\xa05",
            "2^64": b"18446744073709551616",
            "2^64 + 5": b"18446744073709551621",
            "2^63": b"9223372036854775808",
            "30 nines": b"9" * 30,
        }.items()
    }
)
g.bad(
    {
        "twice the same": head(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
        "twice, different": head(b"Content-Length: 5", b"Content-Length: 6", body=b"hello!"),
        "twice, zero first": head(b"Content-Length: 0", b"Content-Length: 5", body=b"hello"),
        "twice, apart": head(b"Content-Length: 5", b"X-A: 1", b"content-length: 6", body=b"hello!"),
        "empty, then five": head(b"Content-Length:", b"Content-Length: 5", body=b"hello"),
        "three times": head(*[b"Content-Length: 5"] * 3, body=b"hello"),
        "empty on 304": head(b"Content-Length:", status=b"304 Not Modified"),
    }
)
g.bad({"different, to HEAD": head(b"Content-Length: 5", b"Content-Length: 6")}, request=HEAD)
g.cut(
    {
        "more announced than sent": [head(b"Content-Length: 10", body=b"hello"), CLOSE],
        "nothing sent": [head(b"Content-Length: 5"), PAUSE, CLOSE],
        "more announced, reset": [head(b"Content-Length: 10", body=b"hello"), PAUSE, RESET],
        "half a megabyte of one": [head(b"Content-Length: 1000000", body=b"x" * 500000), CLOSE],
    }
)
g.broken({"2^63 - 1 announced": [head(b"Content-Length: 9223372036854775807", body=b"hello"), CLOSE]})

# ----------------------------------------------------------------------------------------------------
g = scripts("response-coding", "Transfer-Encoding of a response")


def coding(value):
    return head(b"Transfer-Encoding:" + value, body=HELLO)


g.whole(
    {
        "chunked": coding(b" chunked"),
        "upper case": coding(b" CHUNKED"),
        "tabs": coding(b"\tchunked\t"),
        "no space": coding(b"chunked"),
        "lower-case name": head(b"transfer-encoding: chunked", body=HELLO),
    },
    body=b"hello",
)
g.bad(
    {
        name: [head(*fields, body=HELLO), PAUSE, CLOSE]
        for name, fields in {
            "with Content-Length": [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
            "with Content-Length behind": [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
            "with the chunked form's length": [b"Content-Length: 15", b"Transfer-Encoding: chunked"],
            "twice": [b"Transfer-Encoding: chunked"] * 2,
            "chunked, chunked": [b"Transfer-Encoding: chunked, chunked"],
            "gzip": [b"Transfer-Encoding: gzip"],
            "gzip, chunked": [b"Transfer-Encoding: gzip, chunked"],
            "chunked, gzip": [b"Transfer-Encoding: chunked, gzip"],
            "identity": [b"Transfer-Encoding: identity"],
            "identity, chunked": [b"Transfer-Encoding: identity, chunked"],
            "xchunked": [b"Transfer-Encoding: xchunked"],
            "empty": [b"Transfer-Encoding:"],
            "leading comma": [b"Transfer-Encoding: ,chunked"],
            "trailing comma": [b"Transfer-Encoding: chunked,"],
            "parameter": [b"Transfer-Encoding: chunked;a=b"],
            "quoted": [b'Transfer-Encoding: "chunked"'],
            "two words": [b"Transfer-Encoding: chunked x"],
            "vertical tab": [b"Transfer-Encoding: \x0bchunked"],
            "NUL": [b"Transfer-Encoding: chunked\x00"],
            "no-break space": [b"Transfer-Encoding: \xa0chunked"],
            "identity and a length": [b"Transfer-Encoding: identity", b"Content-Length: 15"],
            "empty and a length": [b"Transfer-Encoding:", b"Content-Length: 15"],
            "on two lines": [b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"],
            "folded": [b"Transfer-Encoding:\r\n chunked"],
            "NUL in the name": [b"Transfer\x00-Encoding: chunked"],
        }.items()
    }
)
g.bad(
    {
        "in HTTP/1.0": [head(b"Transfer-Encoding: chunked", body=HELLO, version=b"HTTP/1.0"), CLOSE],
        "in HTTP/1.0 with keep-alive": head(
            b"Connection: keep-alive", b"Transfer-Encoding: chunked", body=HELLO, version=b"HTTP/1.0"
        ),
    }
)

# ----------------------------------------------------------------------------------------------------
g = scripts("response-chunks", "Chunks of a response")
g.whole(
    {
        "two": pieces(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
        "none": pieces(b"0\r\n\r\n"),
        "upper case": pieces(b"A\r\n0123456789\r\n0\r\n\r\n"),
        "leading zeros": pieces(b"00005\r\nhello\r\n000\r\n\r\n"),
        "extension": pieces(b"5;a=b\r\nhello\r\n0;c\r\n\r\n"),
        "quoted extension": pieces(b'5;a="b;c"\r\nhello\r\n0\r\n\r\n'),
        "white space in extensions": pieces(b'5 ;\ta = "b" ; c\r\nhello\r\n0\t;d\r\n\r\n'),
        "many": pieces(b"1\r\nx\r\n" * 2000 + b"0\r\n\r\n"),
        "1 MB": pieces((b"10000\r\n" + b"z" * 65536 + b"\r\n") * 16 + b"0\r\n\r\n"),
        "data of line ends": pieces(b"8\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n"),
        "later": [pieces(b""), PAUSE, b"5\r\nhel", PAUSE, b"lo\r", PAUSE, b"\n0\r\n", PAUSE, b"\r\n"],
        "slowly": [pieces(b"")] + [s for c in HELLO for s in (bytes([c]), PAUSE)],
    }
)
BAD_SIZES = {
    "empty": b"",
    "letter": b"g",
    "hex prefix": b"0x5",
    "plus": b"+5",
    "minus": b"-5",
    "leading space": b" 5",
    "leading tab": b"\t5",
    "inner space": b"0 5",
    "letter behind": b"5g",
    "underscore": b"0_5",
    "comma": b"5,",
    "point": b"5.0",
    "NUL": b"5\x00",
    "vertical tab": b"5\x0b",
    "CR": b"5\r",
    "17 digits": b"10000000000000005",
    "16 f": b"f" * 16,
    "2^63": b"8000000000000000",
    "32 digits": b"f" * 32,
    "two": b"5 5",
    "0xa0": b"\xa05",
    "only a semicolon": b"5;",
    "extension of controls": b"5;\x01",
    "LF in an extension": b"5;a\nb",
    "CR in an extension": b"5;a\rb",
    "unclosed quote": b'5;a="b',
    "NUL in an extension": b"5;a\x00",
    "and a space": b"5 ",
    "space behind an extension": b"5;a ",
    "space LF before an extension": b"5 \n;a",
}
g.broken(
    {
        "size %s" % name: [pieces(value + b"\r\nhello\r\n0\r\n\r\n"), PAUSE, CLOSE]
        for name, value in BAD_SIZES.items()
    }
)
g.broken(
    {
        "later size %s"
        % name: [pieces(b"5\r\nhello\r\n"), PAUSE, BAD_SIZES[name] + b"\r\nhello\r\n0\r\n\r\n", PAUSE, CLOSE]
        for name in ("empty", "letter", "minus", "hex prefix", "17 digits", "LF in an extension", "NUL")
    }
)
for end_name, end in {
    "LF": b"\n",
    "CR": b"\r",
    "CR CR LF": b"\r\r\n",
    "nothing": b"",
    "two bytes": b"XX",
}.items():
    g.broken(
        {
            "%s after the size" % end_name: [pieces(b"5" + end + b"hello\r\n0\r\n\r\n"), PAUSE, CLOSE],
            "%s after the data" % end_name: [pieces(b"5\r\nhello" + end + b"0\r\n\r\n"), PAUSE, CLOSE],
            "%s after the last size" % end_name: [pieces(b"5\r\nhello\r\n0" + end + b"\r\n"), PAUSE, CLOSE],
        }
    )
g.broken(
    {
        "LF at the end": [pieces(b"5\r\nhello\r\n0\r\n\n"), PAUSE, CLOSE],
        "empty line between": [pieces(b"5\r\nhello\r\n\r\n0\r\n\r\n"), PAUSE, CLOSE],
        "no chunks": [pieces(b"hello"), PAUSE, CLOSE],
        "plain text": [pieces(b"<html>hello</html>\r\n"), PAUSE, CLOSE],
        "extension of 20 kB": [pieces(b"5;a=" + b"b" * 20000 + b"\r\nhello\r\n0\r\n\r\n"), PAUSE, CLOSE],
        "a body, then text": [pieces(b"5\r\nhello\r\n0\r\nhello\r\n\r\n"), PAUSE, CLOSE],
    }
)

# ----------------------------------------------------------------------------------------------------
g = scripts("response-trailers", "Trailers of a response")


def trailing(trailers, *fields):
    return pieces(b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n", *fields)


g.whole(
    {
        "one": trailing(b"X-Sum: 1\r\n"),
        "announced": trailing(b"X-Sum: 1\r\n", b"Trailer: X-Sum"),
        "several": trailing(b"X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n"),
        "gRPC": trailing(b"grpc-status: 0\r\ngrpc-message: ok\r\n"),
    }
)
FORBIDDEN = [
    b"Content-Length: 9",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"X-Amz-Executed-Version: 9",
    b"x-amzn-RequestId: 1",
    b"Trailer: X-A",
    b"Upgrade: x",
    b"Keep-Alive: 5",
    b"Via: 1.1 x",
    b"Host: a",
    b"TE: gzip",
]
g.either(
    {"forbidden %s" % line.decode(): trailing(line + b"\r\n") for line in FORBIDDEN},
    Answer("whole", trailers=[]),
    BAD,
    CUT,
)
# These frame nothing. They may pass, but only as trailers.
MISPLACED = [
    b"Set-Cookie: a=b",
    b"Content-Type: a/b",
    b"Content-Encoding: gzip",
    b"Location: /",
    b"Cache-Control: no-store",
    b"Authorization: x",
    b"WWW-Authenticate: Basic",
]
g.either(
    {"misplaced %s" % line.decode(): trailing(line + b"\r\n") for line in MISPLACED},
    Answer("whole"),
    Answer("whole", trailers=[]),
    BAD,
    CUT,
)
g.broken(
    {
        "no colon": trailing(b"X-A\r\n"),
        "no name": trailing(b": 1\r\n"),
        "space before the colon": trailing(b"X-A : 1\r\n"),
        "folded": trailing(b"X-A: 1\r\n 2\r\n"),
        "NUL": trailing(b"X-A: \x00\r\n"),
        "control": trailing(b"X-A: \x01\r\n"),
        "bare LF": trailing(b"X-A: 1\n"),
        "bare CR": trailing(b"X-A: 1\r2\r\n"),
        "leading space": trailing(b" X-A: 1\r\n"),
        "60 kB": trailing(b"X-A: " + b"1" * 60000 + b"\r\n"),
        "5000": trailing(b"a: 1\r\n" * 5000),
        "cut": [trailing(b"X-A: 1\r\n")[:-4], CLOSE],
        "a response": trailing(STRAY),
    }
)

# ----------------------------------------------------------------------------------------------------
g = scripts("bodyless", "Responses without a body: to HEAD, 204, 304")
g.whole(
    {
        "HEAD with a length": head(b"Content-Length: 5"),
        "HEAD with a large length": head(b"Content-Length: 5000000000"),
    },
    request=HEAD,
    reused=True,
)
g.whole(
    {"HEAD, length kept": head(b"Content-Length: 1234")}, request=HEAD, has={b"content-length": [b"1234"]}
)
g.whole(
    {
        "HEAD without a length": head(b"X-A: 1"),
        "HEAD chunked": head(b"Transfer-Encoding: chunked"),
        "HEAD 404": head(b"Content-Length: 9", status=b"404 Not Found"),
        "HEAD 302": head(b"Location: /", status=b"302 Found"),
    },
    request=HEAD,
)
g.whole(
    {
        "HEAD with a body": head(b"Content-Length: 5", body=b"hello"),
        "HEAD with a body later": [head(b"Content-Length: 5"), PAUSE, b"hello"],
        "HEAD with chunks": pieces(HELLO),
        "HEAD with a response behind": head(b"Content-Length: 5", body=STRAY),
    },
    request=HEAD,
    reused=False,
    body=b"",
)
g.whole(
    {
        "204": head(status=b"204 No Content"),
        "304": head(b'ETag: "a"', status=b"304 Not Modified"),
        "304 with a length": head(b"Content-Length: 100", status=b"304 Not Modified"),
    },
    reused=True,
)
g.whole(
    {
        "304 with a body": head(b"Content-Length: 5", status=b"304 Not Modified", body=b"hello"),
        "204 with a body": head(status=b"204 No Content", body=b"hello"),
        "204 with a response": head(status=b"204 No Content", body=STRAY),
        "304 with a response": head(status=b"304 Not Modified", body=STRAY),
        "204 with a body later": [head(status=b"204 No Content"), PAUSE, b"hello"],
        "304 with chunks": head(b"Transfer-Encoding: chunked", status=b"304 Not Modified", body=HELLO),
    },
    reused=False,
    body=b"",
)
g.either(
    {
        "204 with a length": head(b"Content-Length: 5", status=b"204 No Content"),
        "204 with a length and a body": head(b"Content-Length: 5", status=b"204 No Content", body=b"hello"),
        "204 chunked": head(b"Transfer-Encoding: chunked", status=b"204 No Content"),
        "204 with chunks": head(b"Transfer-Encoding: chunked", status=b"204 No Content", body=HELLO),
        "204 with length zero": head(b"Content-Length: 0", status=b"204 No Content"),
    },
    Answer("whole", body=b"", lacks=[b"transfer-encoding", b"content-length"]),
    BAD,
)
g.whole(
    {
        "empty 200": ok(b""),
        "empty 404": ok(b"", status=b"404 Not Found"),
        "empty 302": ok(b"", status=b"302 Found"),
    },
    reused=True,
)
