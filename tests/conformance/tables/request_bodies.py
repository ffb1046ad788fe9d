"""Odd requests: where does the body end? (RFC 9112 sections 6 and 7)"""

from ..cases import CLOSE, PAUSE, SMUGGLED, TAG, Expect, Group, chunked, post, request, sized

GROUPS = []


def group(*args):
    GROUPS.append(Group(*args))
    return GROUPS[-1]


HELLO = b"5\r\nhello\r\n0\r\n\r\n"

# ----------------------------------------------------------------------------------------------------
g = group("content-length", "Content-Length: syntax, repetition, overflow")

g.forward(
    {
        "zero": post(b"Content-Length: 0", b""),
        "five": post(b"Content-Length: 5", b"hello"),
        "leading zeros": post(b"Content-Length: 005", b"hello"),
        "many leading zeros": post(b"Content-Length: 00000000000000005", b"hello"),
        "double zero": post(b"Content-Length: 00", b""),
        "without space": post(b"Content-Length:5", b"hello"),
        "spaces around": post(b"Content-Length:   5  ", b"hello"),
        "tab before": post(b"Content-Length:\t5", b"hello"),
        "tab behind": post(b"Content-Length: 5\t", b"hello"),
        "blanks behind": post(b"Content-Length: 5 \t \t", b"hello"),
        "40 leading zeros": post(b"Content-Length: " + b"0" * 40 + b"5", b"hello"),
        "40 zeros": post(b"Content-Length: " + b"0" * 40, b""),
        "lower case": post(b"content-length: 5", b"hello"),
        "odd case": post(b"cOnTeNt-LeNgTh: 5", b"hello"),
        "body like a request": sized(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"),
        "body like a chunk": post(b"Content-Length: 15", HELLO),
        "body of all bytes": sized(bytes(range(256))),
        "body of line ends": sized(b"\r\n\r\n\n\r\r\n"),
        "body of 100 kB": sized(b"0123456789" * 10000),
        "body later": [post(b"Content-Length: 10", b""), PAUSE, b"hello", PAUSE, b"hello"],
        "none on POST": post(b"", b""),
        "similar name": post([b"Content-Lengt: 7", b"Content-Length: 5", b"XContent-Length: 9"], b"hello"),
        "then another": sized(b"hello", target=b"/" + TAG + b"a") + sized(b"world", target=b"/" + TAG + b"b"),
    }
)
BAD_LENGTHS = {
    "empty": b"",
    "blank": b"   ",
    "plus": b"+5",
    "minus": b"-5",
    "minus zero": b"-0",
    "decimal point": b"5.0",
    "comma": b"5,",
    "leading comma": b",5",
    "exponent": b"5e0",
    "hex": b"0x5",
    "hex capital": b"0X5",
    "hex digit": b"A",
    "octal": b"0o5",
    "underscore": b"1_0",
    "inner space": b"1 0",
    "inner tab": b"1\t0",
    "letters": b"five",
    "letter behind": b"5a",
    "letter before": b"a5",
    "semicolon": b"5;",
    "quoted": b'"5"',
    "single quoted": b"'5'",
    "bracketed": b"(5)",
    "list of the same": b"5, 5",
    "list without space": b"5,5",
    "list of three": b"5, 5, 5",
    "list of different": b"5, 6",
    "list with zero": b"0, 5",
    "slash": b"5/5",
    "percent": b"%35",
    "vertical tab": b"\x0b5",
    "form feed": b"5\x0c",
    "NUL behind": b"5\x00",
    "NUL before": b"\x005",
    "no-break space": b"\xa05",
    "next line": b"5\x85",
    "full-width digit": b"\xef\xbc\x95",
    "superscript": b"\xb2",
    "infinity": b"inf",
    "bytes unit": b"5 bytes",
    "equals": b"=5",
    "2^64": b"18446744073709551616",
    "2^64 + 5": b"18446744073709551621",
    "2^65 + 5": b"36893488147419103237",
    "2^128": b"340282366920938463463374607431768211456",
    "2^64 - 1": b"18446744073709551615",
    "2^63": b"9223372036854775808",
    "30 nines": b"9" * 30,
    "500 nines": b"9" * 500,
    "2^32 with letter": b"4294967296x",
}
g.reject(
    "content-length",
    400,
    {name: post(b"Content-Length: " + value, b"hello" + SMUGGLED) for name, value in BAD_LENGTHS.items()},
)
g.reject(
    "content-length",
    400,
    {
        "%s on GET" % name: request(b"GET", fields=b"Content-Length: " + BAD_LENGTHS[name], body=SMUGGLED)
        for name in ("empty", "plus", "minus", "hex", "list of the same", "2^64")
    },
)
g.reject(
    "content-length-repeated",
    400,
    {
        "twice the same": post([b"Content-Length: 5", b"Content-Length: 5"], b"hello"),
        "twice, different": post([b"Content-Length: 5", b"Content-Length: 6"], b"hello!" + SMUGGLED),
        "zero, then five": post([b"Content-Length: 0", b"Content-Length: 5"], b"hello" + SMUGGLED),
        "five, then zero": post([b"Content-Length: 5", b"Content-Length: 0"], b"hello" + SMUGGLED),
        "different case": post([b"Content-Length: 5", b"content-length: 6"], b"hello!" + SMUGGLED),
        "apart": post(
            [b"Content-Length: 5", b"X-A: 1", b"X-B: 2", b"Content-Length: 6"], b"hello!" + SMUGGLED
        ),
        "equal in value": post([b"Content-Length: 5", b"Content-Length: 05"], b"hello"),
        "empty, then five": post([b"Content-Length:", b"Content-Length: 5"], b"hello" + SMUGGLED),
        "five, then empty": post([b"Content-Length: 5", b"Content-Length:"], b"hello" + SMUGGLED),
        "three times": post([b"Content-Length: 5"] * 3, b"hello"),
        "covers the smuggled": post([b"Content-Length: 0", b"Content-Length: %d" % len(SMUGGLED)], SMUGGLED),
    },
)
g.silent(
    {
        "client leaves before the body": [post(b"Content-Length: 5", b""), PAUSE, CLOSE],
        "client leaves in the body": [post(b"Content-Length: 5", b"hell"), PAUSE, CLOSE],
        "2^63 - 1 bytes announced": [post(b"Content-Length: 9223372036854775807", b"hello"), PAUSE, CLOSE],
    }
)

# ----------------------------------------------------------------------------------------------------
g = group("transfer-encoding", "Transfer-Encoding: names, lists, white space")


def coded(value, body=HELLO, name=b"Transfer-Encoding", version=b"HTTP/1.1"):
    return request(b"POST", fields=[name + b":" + value], body=body + SMUGGLED, version=version)


def coded_only(value, name=b"Transfer-Encoding"):
    return request(b"POST", fields=[name + b":" + value], body=HELLO)


g.forward(
    {
        "chunked": coded_only(b" chunked"),
        "upper case": coded_only(b" CHUNKED"),
        "odd case": coded_only(b" cHuNkEd"),
        "without space": coded_only(b"chunked"),
        "tab before": coded_only(b"\tchunked"),
        "blanks around": coded_only(b" \t chunked \t "),
        "name in upper case": coded_only(b" chunked", b"TRANSFER-ENCODING"),
        "name in lower case": coded_only(b" chunked", b"transfer-encoding"),
        "empty body": chunked(b"0\r\n\r\n"),
        "on GET": chunked(HELLO, method=b"GET"),
        "on DELETE": chunked(HELLO, method=b"DELETE"),
        "on PUT": chunked(HELLO, method=b"PUT"),
        "on an unknown method": chunked(HELLO, method=b"PURGE"),
        "in many chunks": chunked(b"1\r\nh\r\n" * 300 + b"0\r\n\r\n"),
        "later": [chunked(b""), PAUSE, b"5\r\nhe", PAUSE, b"llo\r\n", PAUSE, b"0\r\n", PAUSE, b"\r\n"],
    }
)
g.reject(
    "transfer-encoding",
    400,
    {
        "empty": coded(b""),
        "blank": coded(b"   "),
        "xchunked": coded(b" xchunked"),
        "chunkedx": coded(b" chunkedx"),
        "chunke": coded(b" chunke"),
        "chunk": coded(b" chunk"),
        "identity": coded(b" identity"),
        "gzip": coded(b" gzip"),
        "chunked, identity": coded(b" chunked, identity"),
        "chunked, gzip": coded(b" chunked, gzip"),
        "chunked, chunked": coded(b" chunked, chunked"),
        "chunked,chunked": coded(b" chunked,chunked"),
        "leading comma": coded(b" ,chunked"),
        "trailing comma": coded(b" chunked,"),
        "only a comma": coded(b" ,"),
        "parameter": coded(b" chunked;q=1"),
        "semicolon": coded(b" chunked;"),
        "quoted": coded(b' "chunked"'),
        "single quoted": coded(b" 'chunked'"),
        "two words": coded(b" chunked identity"),
        "inner space": coded(b" chun ked"),
        "vertical tab before": coded(b" \x0bchunked"),
        "vertical tab behind": coded(b" chunked\x0b"),
        "form feed before": coded(b" \x0cchunked"),
        "NUL behind": coded(b" chunked\x00"),
        "NUL before": coded(b" \x00chunked"),
        "CR before": coded(b" \rchunked"),
        "CR behind": coded(b" chunked\r"),
        "no-break space": coded(b" \xa0chunked"),
        "next line": coded(b" chunked\x85"),
        "0xff": coded(b" \xffchunked\xff"),
        "Kelvin sign": coded(b" chun\xe2\x84\xaaed"),
        "dot behind": coded(b" chunked."),
        "colon before": coded(b" :chunked"),
        "equals": coded(b"=chunked"),
        "backslash": coded(b" chunked\\"),
        "null": coded(b" null"),
        "deflate last": coded(b" chunked, deflate"),
    },
)
g.reject(
    "transfer-coding-unknown",
    501,
    {
        "gzip, chunked": coded(b" gzip, chunked"),
        "identity, chunked": coded(b" identity, chunked"),
        "foo, chunked": coded(b" foo, chunked"),
        "x-gzip,deflate,chunked": coded(b" x-gzip,deflate,chunked"),
    },
)
g.reject(
    "transfer-encoding-repeated",
    400,
    {
        "chunked twice": request(b"POST", fields=[b"Transfer-Encoding: chunked"] * 2, body=HELLO + SMUGGLED),
        "chunked, then identity": request(
            b"POST",
            fields=[b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
            body=HELLO + SMUGGLED,
        ),
        "identity, then chunked": request(
            b"POST",
            fields=[b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"],
            body=HELLO + SMUGGLED,
        ),
        "empty, then chunked": request(
            b"POST", fields=[b"Transfer-Encoding:", b"Transfer-Encoding: chunked"], body=HELLO + SMUGGLED
        ),
        "chunked, then x": request(
            b"POST", fields=[b"Transfer-Encoding: chunked", b"Transfer-encoding: x"], body=HELLO + SMUGGLED
        ),
    },
)
g.reject(
    "transfer-encoding-http10",
    400,
    {
        "chunked in HTTP/1.0": coded(b" chunked", version=b"HTTP/1.0"),
        "chunked in HTTP/1.0 with keep-alive": request(
            b"POST",
            fields=[b"Connection: keep-alive", b"Transfer-Encoding: chunked"],
            body=HELLO + SMUGGLED,
            version=b"HTTP/1.0",
        ),
        "identity in HTTP/1.0": coded(b" identity", version=b"HTTP/1.0"),
        "with Content-Length in HTTP/1.0": request(
            b"POST",
            fields=[b"Transfer-Encoding: chunked", b"Content-Length: 5"],
            body=HELLO,
            version=b"HTTP/1.0",
        ),
    },
)
g.reject(
    "field-name",
    400,
    {
        "space before the colon": coded(b" chunked", name=b"Transfer-Encoding "),
        "tab before the colon": coded(b" chunked", name=b"Transfer-Encoding\t"),
        "vertical tab before the colon": coded(b" chunked", name=b"Transfer-Encoding\x0b"),
        "NUL before the colon": coded(b" chunked", name=b"Transfer-Encoding\x00"),
        "NUL in the name": coded(b" chunked", name=b"Transfer\x00-Encoding"),
        "space in the name": coded(b" chunked", name=b"Transfer -Encoding"),
        "0x80 in the name": coded(b" chunked", name=b"Transfer-Encoding\x80"),
        "space before the name": coded(b" chunked", name=b" Transfer-Encoding"),
        "name over two lines": request(
            b"POST", fields=[b"Transfer-", b"Encoding: chunked", b"Content-Length: 5"], body=HELLO
        ),
    },
)
# Names that some endpoint may take for the real one: valid, so they may pass, but they must frame nothing here.
g.either(
    {
        "Transfer_Encoding": request(
            b"POST", fields=[b"Transfer_Encoding: chunked", b"Content-Length: 5"], body=b"hello"
        ),
        "Content_Length": request(
            b"POST", fields=[b"Content_Length: 7", b"Content-Length: 5"], body=b"hello"
        ),
        "Transfer.Encoding": request(
            b"POST", fields=[b"Transfer.Encoding: chunked", b"Content-Length: 5"], body=b"hello"
        ),
    },
    Expect("forward", without=[b"Transfer_Encoding", b"Content_Length", b"Transfer.Encoding"]),
    Expect("reject", [400], "field-name"),
)

# ----------------------------------------------------------------------------------------------------
g = group("length-and-coding", "Content-Length with Transfer-Encoding")


def both(first, second, body=HELLO + SMUGGLED, method=b"POST"):
    return request(method, fields=[first, second], body=body)


CL, TE = b"Content-Length: 5", b"Transfer-Encoding: chunked"
g.reject(
    "length-and-coding",
    400,
    {
        "length first": both(CL, TE),
        "coding first": both(TE, CL),
        "length of the chunked form": both(b"Content-Length: 15", TE),
        "length zero": both(b"Content-Length: 0", TE),
        "length covers the smuggled": both(b"Content-Length: %d" % (len(HELLO) + len(SMUGGLED)), TE),
        "on GET": both(CL, TE, method=b"GET"),
        "on HEAD": both(CL, TE, method=b"HEAD"),
        "on OPTIONS": both(CL, TE, method=b"OPTIONS"),
        "lower case": both(b"content-length: 5", b"transfer-encoding: chunked"),
        "connection close": request(b"POST", fields=[CL, TE, b"Connection: close"], body=HELLO + SMUGGLED),
        "connection lists the length": request(
            b"POST", fields=[CL, TE, b"Connection: Content-Length"], body=HELLO + SMUGGLED
        ),
        "connection lists the coding": request(
            b"POST", fields=[CL, TE, b"Connection: Transfer-Encoding"], body=HELLO + SMUGGLED
        ),
        "last chunk first": both(b"Content-Length: %d" % (5 + len(SMUGGLED)), TE, b"0\r\n\r\n" + SMUGGLED),
        "apart": request(
            b"POST", fields=[CL] + [b"X-%d: y" % n for n in range(20)] + [TE], body=HELLO + SMUGGLED
        ),
    },
)
g.reject(
    "content-length",
    400,
    {
        "bad length first": both(b"Content-Length: x", TE),
        "empty length": both(b"Content-Length:", TE),
        "negative length": both(b"Content-Length: -1", TE),
    },
)
g.reject(
    "transfer-encoding",
    400,
    {
        "unknown coding and length": both(b"Transfer-Encoding: xchunked", CL, b"hello" + SMUGGLED),
        "length and comma coding": both(CL, b"Transfer-Encoding: ,chunked", b"hello" + SMUGGLED),
        "tab coding": both(CL, b"Transfer-Encoding:\x0bchunked", b"hello" + SMUGGLED),
        "identity and length": both(b"Transfer-Encoding: identity", CL, b"hello" + SMUGGLED),
        "empty coding and length": both(b"Transfer-Encoding:", CL, b"hello" + SMUGGLED),
    },
)
g.reject(
    "obs-fold",
    400,
    {
        "folded coding": both(CL, b"Transfer-Encoding:\r\n chunked"),
        "coding folded into another": both(CL, b"X-A: b\r\n Transfer-Encoding: chunked"),
        "length folded": both(b"Content-Length:\r\n 5", TE),
    },
)
g.reject(
    "line-end",
    400,
    {
        "coding after a bare LF": both(CL, b"X-A: b\nTransfer-Encoding: chunked"),
        "coding after a bare CR": both(CL, b"X-A: b\rTransfer-Encoding: chunked"),
        "coding after CR CR LF": both(CL, b"X-A: b\r\r\nTransfer-Encoding: chunked"),
    },
)
