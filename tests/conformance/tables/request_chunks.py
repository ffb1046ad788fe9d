"""Odd requests: chunks, their extensions, trailers (RFC 9112 section 7.1)"""

from ..cases import CLOSE, PAUSE, SMUGGLED, TAG, Expect, Group, chunked

GROUPS = []


def group(*args):
    GROUPS.append(Group(*args))
    return GROUPS[-1]


FORWARD = Expect("forward")
HELLO = b"5\r\nhello\r\n0\r\n\r\n"

# ----------------------------------------------------------------------------------------------------
g = group("chunk-size", "Chunk sizes: digits, signs, overflow")
g.forward(
    {
        "upper-case digits": chunked(b"A\r\n0123456789\r\n0\r\n\r\n"),
        "lower-case digits": chunked(b"a\r\n0123456789\r\n0\r\n\r\n"),
        "leading zeros": chunked(b"0005\r\nhello\r\n0\r\n\r\n"),
        "long last chunk": chunked(b"5\r\nhello\r\n000\r\n\r\n"),
        "all hex digits": chunked(b"1F\r\n" + b"x" * 31 + b"\r\n1f\r\n" + b"y" * 31 + b"\r\n0\r\n\r\n"),
        "data of line ends": chunked(b"6\r\n\r\n0\r\n\r\r\n0\r\n\r\n"),
        "data like a request": chunked(
            b"%x\r\n" % len(SMUGGLED[:-40]) + b"G" * len(SMUGGLED[:-40]) + b"\r\n0\r\n\r\n"
        ),
        "64 kB": chunked(b"10000\r\n" + b"z" * 65536 + b"\r\n0\r\n\r\n"),
        "then another": chunked(HELLO, target=b"/" + TAG + b"a") + chunked(HELLO, target=b"/" + TAG + b"b"),
        "15 leading zeros": chunked(b"0000000000000005\r\nhello\r\n0\r\n\r\n"),
    }
)
BAD_SIZES = {
    "empty": b"",
    "blank": b" ",
    "letter g": b"g",
    "hex prefix": b"0x5",
    "hex prefix upper": b"0X5",
    "plus": b"+5",
    "minus": b"-5",
    "minus zero": b"-0",
    "plus zero": b"+0",
    "underscore": b"0_5",
    "leading space": b" 5",
    "leading tab": b"\t5",
    "inner space": b"0 5",
    "comma": b"5,",
    "point": b"5.0",
    "exclamation": b"5!",
    "letters behind": b"5hello",
    "quote": b'"5"',
    "h suffix": b"5h",
    "percent": b"%35",
    "colon": b"5:",
    "equals": b"5=",
    "vertical tab": b"\x0b5",
    "vertical tab behind": b"5\x0b",
    "form feed": b"5\x0c",
    "NUL": b"\x005",
    "NUL behind": b"5\x00",
    "0xa0": b"\xa05",
    "0xff behind": b"5\xff",
    "backslash": b"5\\",
    "16 digits": b"f" * 16,
    "17 digits": b"10000000000000005",
    "20 digits": b"1" + b"0" * 18 + b"5",
    "32 digits": b"f" * 32,
    "2^63": b"8000000000000000",
    "2^64 - 1": b"ffffffffffffffff",
    "2^64 + 5": b"10000000000000005",
    "tilde": b"~5",
    "slash": b"5/",
    "two sizes": b"5 5",
    "CR": b"5\r",
    "LF in it": b"5\n5",
    "200 digits": b"1" * 200,
}
g.abort(
    "chunk-size",
    400,
    {name: chunked(value + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED) for name, value in BAD_SIZES.items()},
)
g.abort(
    "chunk-size",
    400,
    {
        "%s as the last" % name: chunked(b"5\r\nhello\r\n" + value + b"\r\n\r\n" + SMUGGLED)
        for name, value in {
            "empty": b"",
            "0x0": b"0x0",
            "minus zero": b"-0",
            "plus zero": b"+0",
            "letter": b"0h",
            "space before": b" 0",
            "underscore": b"0_0",
            "CR before": b"\r0",
            "O for 0": b"O",
        }.items()
    },
)
g.abort(
    "chunk-size",
    400,
    {
        "%s as the second" % name: chunked(b"5\r\nhello\r\n" + value + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
        for name, value in {
            "empty": b"",
            "hex prefix": b"0x5",
            "minus": b"-5",
            "17 digits": b"10000000000000005",
            "letter": b"5z",
        }.items()
    },
)
g.abort(
    "chunk-size",
    400,
    {
        "space behind": chunked(b"5 \r\nhello\r\n0\r\n\r\n"),
        "tab behind": chunked(b"5\t\r\nhello\r\n0\r\n\r\n"),
        "spaces behind the last": chunked(b"5\r\nhello\r\n0   \r\n\r\n"),
    },
)
g.silent(
    {
        "size of 2^59": [chunked(b"800000000000000\r\nhello"), PAUSE, CLOSE],
        "client leaves in a chunk": [chunked(b"5\r\nhel"), PAUSE, CLOSE],
        "client leaves after a chunk": [chunked(b"5\r\nhello\r\n"), PAUSE, CLOSE],
        "client leaves before the last line": [chunked(b"5\r\nhello\r\n0\r\n"), PAUSE, CLOSE],
    }
)

# ----------------------------------------------------------------------------------------------------
g = group("chunk-line", "Chunk lines: their ends, the CRLF after the data")
LINE_ENDS = {
    "LF": b"\n",
    "CR": b"\r",
    "CR CR LF": b"\r\r\n",
    "LF CR": b"\n\r",
    "NUL LF": b"\x00\n",
    "CR NUL LF": b"\r\x00\n",
    "CR space LF": b"\r \n",
}
for end_name, end in LINE_ENDS.items():
    g.abort(
        "chunk-line",
        400,
        {
            "%s after the size" % end_name: chunked(b"5" + end + b"hello\r\n0\r\n\r\n" + SMUGGLED),
            "%s after the data" % end_name: chunked(b"5\r\nhello" + end + b"0\r\n\r\n" + SMUGGLED),
            "%s after the last size" % end_name: chunked(b"5\r\nhello\r\n0" + end + b"\r\n" + SMUGGLED),
            "%s after an extension" % end_name: chunked(b"5;a=b" + end + b"hello\r\n0\r\n\r\n" + SMUGGLED),
        },
    )
g.abort(
    "chunk-line",
    400,
    {
        "bare LF at the end": chunked(b"5\r\nhello\r\n0\r\n\n" + SMUGGLED),
        "LF LF at the end": chunked(b"5\r\nhello\r\n0\n\n" + SMUGGLED),
        "CR CR LF at the end": chunked(b"5\r\nhello\r\n0\r\n\r\r\n" + SMUGGLED),
        "CR at the end": chunked(b"5\r\nhello\r\n0\r\n\rX" + SMUGGLED),
        "nothing after the data": chunked(b"5\r\nhello0\r\n\r\n" + SMUGGLED),
        "one byte too many": chunked(b"5\r\nhello!\r\n0\r\n\r\n" + SMUGGLED),
        "two bytes instead of CRLF": chunked(b"5\r\nhelloXX0\r\n\r\n" + SMUGGLED),
        "CR and another byte": chunked(b"5\r\nhello\rX0\r\n\r\n" + SMUGGLED),
        "another byte and LF": chunked(b"5\r\nhelloX\n0\r\n\r\n" + SMUGGLED),
        "one byte too few": chunked(b"6\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
        "empty line between chunks": chunked(b"5\r\nhello\r\n\r\n5\r\nworld\r\n0\r\n\r\n" + SMUGGLED),
        "empty line before the first": chunked(b"\r\n5\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
        "data after the last chunk": chunked(b"5\r\nhello\r\n0\r\nhello\r\n\r\n" + SMUGGLED),
        "no chunks at all": chunked(SMUGGLED),
    },
)

# ----------------------------------------------------------------------------------------------------
g = group("chunk-extension", "Chunk extensions: valid ones dropped, malformed ones refused")


def extended(extension, last=b""):
    return chunked(b"5" + extension + b"\r\nhello\r\n0" + last + b"\r\n\r\n")


g.forward(
    {
        "name": extended(b";a"),
        "name and value": extended(b";a=b"),
        "several": extended(b";a=b;c=d;e"),
        "quoted": extended(b';a="b c"'),
        "empty quoted": extended(b';a=""'),
        "quoted semicolon": extended(b';a="b;c=d"'),
        "quoted pair": extended(b';a="b\\"c"'),
        "quoted backslash": extended(b';a="\\\\"'),
        "quoted tab": extended(b';a="b\tc"'),
        "quoted obs-text": extended(b';a="\xe4\xff"'),
        "quoted size": extended(b';a="0"'),
        "on the last chunk": extended(b"", b";a=b"),
        "quoted on the last chunk": extended(b"", b';a="b"'),
        "all token characters": extended(b";!#$%&'*+-.^_`|~0aZ=!#$%&'*+-.^_`|~0aZ"),
        "100 bytes": extended(b";a=" + b"b" * 97),
        "digits": extended(b";5=5"),
    }
)
g.forward(
    {
        "space before the semicolon": extended(b" ;a"),
        "space after the semicolon": extended(b"; a"),
        "spaces around the equals sign": extended(b"; a = b"),
        "tabs": extended(b"\t;\ta\t=\tb"),
        "space behind a quoted value": extended(b';a="b" ;c'),
        "much white space": extended(b" \t" * 200 + b";" + b"\t " * 200 + b"a"),
        "white space on the last chunk": extended(b"", b" ; a = b"),
    }
)
g.either(
    {
        "a kilobyte on each of a hundred": chunked(
            (b"1;a=" + b"b" * 1000 + b"\r\nx\r\n") * 100 + b"0\r\n\r\n"
        ),
    },
    FORWARD,
    Expect("abort", [400], "chunk-extension"),
)
BAD_EXTENSIONS = {
    "only a semicolon": b";",
    "two semicolons": b";;a",
    "semicolon at the end": b";a;",
    "no name": b";=b",
    "no value": b";a=",
    "equals twice": b";a=b=c",
    "space in the name": b";a b",
    "space in the value": b";a=b c",
    "unclosed quote": b';a="b',
    "quote behind": b';a=b"',
    "quote in the middle": b';a=b"c"',
    "text after the quote": b';a="b"c',
    "backslash at the end": b';a="b\\',
    "comma": b";a,b",
    "slash": b";a/b",
    "colon": b";a:b",
    "brackets": b";a(b)",
    "at sign": b";a@b",
    "CR": b";a\rb",
    "LF": b";a\nb",
    "CR in quotes": b';a="b\rc"',
    "LF in quotes": b';a="b\nc"',
    "CRLF in quotes": b';a="b\r\nc"',
    "NUL": b";a\x00",
    "NUL in quotes": b';a="\x00"',
    "DEL": b";a\x7f",
    "vertical tab": b";\x0ba",
    "0x80": b";\x80",
    "0xff in the value": b";a=\xff",
    "escaped NUL": b';a="\\\x00"',
    "escaped CR": b';a="\\\r"',
    "escaped LF": b';a="\\\n"',
    "CR CR": b";a=b\r\r",
    "space CR": b"; \r\r",
    "no semicolon": b"a=b;",
    "0x1b": b';a="\x1b"',
    "LF size behind": b";\n0",
    "only a space": b" ",
    "only a tab": b"\t",
    "space and a digit": b" 5",
    "space and a name": b" a",
    "space behind the name": b";a ",
    "tab behind the value": b";a=b\t",
    "space behind the quote": b';a="b" ',
    "space behind the semicolon": b"; ",
    "space behind the equals sign": b";a= ",
    "space LF": b" \n;a",
    "semicolon, space LF": b"; \na",
    "vertical tab before the semicolon": b"\x0b;a",
    "form feed behind the semicolon": b";\x0ca",
    "0xa0 before the semicolon": b"\xa0;a",
    "2 kB of spaces": b" " * 2048 + b";a",
}
g.abort(
    "chunk-extension",
    400,
    {
        name: chunked(b"5" + value + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
        for name, value in BAD_EXTENSIONS.items()
        if name != "no semicolon"
    },
)
g.abort(
    "chunk-extension",
    400,
    {
        "%s on the last chunk"
        % name: chunked(b"5\r\nhello\r\n0" + BAD_EXTENSIONS[name] + b"\r\n\r\n" + SMUGGLED)
        for name in (
            "only a semicolon",
            "LF",
            "CR",
            "NUL",
            "unclosed quote",
            "LF size behind",
            "no value",
            "CR in quotes",
        )
    },
)
g.abort(
    "chunk-extension",
    400,
    {
        "20 kB in one": extended(b";a=" + b"b" * 20000),
    },
)

# ----------------------------------------------------------------------------------------------------
g = group("trailers", "Trailer fields")


def trailing(trailers, *fields):
    return chunked(b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n", *fields)


g.forward(
    {
        "one": trailing(b"X-Sum: 1\r\n"),
        "announced": trailing(b"X-Sum: 1\r\n", b"Trailer: X-Sum"),
        "three": trailing(b"X-A: 1\r\nX-B: 2\r\nX-C: 3\r\n"),
        "repeated": trailing(b"X-A: 1\r\nX-A: 2\r\n"),
        "empty value": trailing(b"X-A:\r\n"),
        "obs-text": trailing(b"X-A: \xe4\r\n"),
        "with TE: trailers": trailing(b"X-A: 1\r\n", b"TE: trailers", b"Connection: TE"),
        "announced but absent": trailing(b"", b"Trailer: X-Sum"),
        "same name as a field": trailing(b"X-A: 2\r\n", b"X-A: 1"),
        "no other request inside": trailing(b"X:POST /" + TAG + b" HTTP/1.1\r\n"),
    }
)
FORBIDDEN = [
    "Content-Length: 5",
    "Content-Length: 0",
    "Transfer-Encoding: chunked",
    "Host: other.test",
    "Connection: close",
    "Connection: keep-alive",
    "Upgrade: websocket",
    "X-Amz-Executed-Version: 9",
    "x-amzn-RequestId: 1",
    "Trailer: X-A",
    "TE: trailers",
    "Keep-Alive: 5",
    "Proxy-Connection: close",
    "Expect: 100-continue",
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.test",
    "Via: 1.1 evil",
    "Content-Encoding: gzip",
    "Content-Type: a/b",
    "Content-Range: bytes 0-4/5",
    "Authorization: Basic eDp5",
    "Proxy-Authorization: Basic eDp5",
    "Set-Cookie: a=b",
    "Cookie: a=b",
    "Cache-Control: no-store",
    "Max-Forwards: 0",
    "Range: bytes=0-1",
    "If-Match: x",
    "Te: gzip",
    "Forwarded: for=6.6.6.6",
]
# Framing, routing and what weir itself vouches for; the rest of RFC 9110 6.5.1's list may also be dropped.
HARMFUL = {
    "content-length",
    "transfer-encoding",
    "host",
    "connection",
    "upgrade",
    "x-amz-executed-version",
    "x-amzn-requestid",
    "trailer",
    "te",
    "keep-alive",
    "proxy-connection",
    "expect",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "via",
    "forwarded",
}
for line in FORBIDDEN:
    row = {"forbidden %s" % line: trailing(line.encode() + b"\r\n")}
    if line.split(":")[0].lower() in HARMFUL:
        g.abort("trailer-field", 400, row)
    else:
        g.either(row, Expect("abort", [400], "trailer-field"), Expect("forward", trailers=()), FORWARD)
g.abort(
    "trailer-field",
    400,
    {
        "forbidden in lower case": trailing(b"content-length: 5\r\n"),
        "forbidden behind a good one": trailing(b"X-A: 1\r\nTransfer-Encoding: chunked\r\n"),
        "forbidden and announced": trailing(b"Content-Length: 5\r\n", b"Trailer: Content-Length"),
    },
)
g.abort(
    "trailer-syntax",
    400,
    {
        "no colon": trailing(b"X-A\r\n"),
        "no name": trailing(b": a\r\n"),
        "space before the colon": trailing(b"X-A : 1\r\n"),
        "space in the name": trailing(b"X A: 1\r\n"),
        "leading space": trailing(b" X-A: 1\r\n"),
        "folded": trailing(b"X-A: 1\r\n 2\r\n"),
        "NUL": trailing(b"X-A: \x00\r\n"),
        "control byte": trailing(b"X-A: \x01\r\n"),
        "DEL": trailing(b"X-A: \x7f\r\n"),
        "bare CR in the value": trailing(b"X-A: 1\r2\r\n"),
        "bare LF at the end": trailing(b"X-A: 1\n"),
        "bare LF between": trailing(b"X-A: 1\nX-B: 2\r\n"),
        "0x80 in the name": trailing(b"X-\x80: 1\r\n"),
        "bare LF at the very end": chunked(b"5\r\nhello\r\n0\r\nX-A: 1\r\n\n" + SMUGGLED),
        "request line": chunked(b"5\r\nhello\r\n0\r\n" + SMUGGLED),
    },
)
g.abort(
    "trailer-size",
    431,
    {
        "60 kB in one": trailing(b"X-A: " + b"1" * 60000 + b"\r\n"),
        "3000 of them": trailing(b"X-A: 1\r\n" * 3000),
    },
)
g.silent({"client leaves in a trailer": [chunked(b"5\r\nhello\r\n0\r\nX-A: 1"), PAUSE, CLOSE]})
