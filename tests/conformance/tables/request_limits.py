"""Odd requests: sizes, and the same bytes cut at every place"""

from ..cases import CLOSE, PAUSE, SMUGGLED, TAG, Group, chunked, get, request, sized

GROUPS = []
T = b"/" + TAG


def group(*args, **more):
    GROUPS.append(Group(*args, **more))
    return GROUPS[-1]


# ----------------------------------------------------------------------------------------------------
g = group("limits", "Default limits: request line 8 kB, fields 32 kB and 100, no limit for bodies")
g.forward(
    {
        "target of 8000 bytes": get(target=T + b"a" * 8000),
        "fields of 30 kB": get(*(b"X-%02d: %s" % (n, b"a" * 990) for n in range(30))),
        "95 fields": get(*(b"X-%d: 1" % n for n in range(90))),
        "body of 3 MB": sized(b"x" * 3000000),
        "body of 3 MB in chunks": chunked((b"ffff\r\n" + b"y" * 65535 + b"\r\n") * 46 + b"0\r\n\r\n"),
    }
)
g.reject(
    "request-line-size",
    414,
    {
        "target of 9000 bytes": get(target=T + b"a" * 9000),
        "target of 60 kB": get(target=T + b"a" * 60000),
        "query of 9000 bytes": get(target=T + b"?" + b"a" * 9000),
        "absolute target of 9000 bytes": get(target=b"http://edge.test" + T + b"a" * 9000),
        "method of 9000 bytes": request(b"M" * 9000),
        "20 kB without an end": b"GET " + T + b"a" * 20000,
        "200 kB without an end": b"GET " + T + b"a" * 200000,
    },
)
g.reject(
    "header-size",
    431,
    {
        "one of 40 kB": get(b"X-A: " + b"a" * 40000),
        "one of 200 kB": get(b"X-A: " + b"a" * 200000),
        "name of 40 kB": get(b"X" * 40000 + b": 1"),
        "fifty of 1 kB": get(*(b"X-%d: %s" % (n, b"a" * 1000) for n in range(50))),
        "cookie of 40 kB": get(b"Cookie: " + b"a=b; " * 8000),
        "60 kB without an end": b"GET " + T + b" HTTP/1.1\r\nHost: edge.test\r\nX-A: " + b"a" * 60000,
        "blanks of 40 kB": get(b"X-A:" + b" " * 40000 + b"1"),
        "blanks behind of 40 kB": get(b"X-A: 1" + b" " * 40000),
    },
)
g.reject(
    "header-count",
    431,
    {
        "101": get(*(b"X-%d: 1" % n for n in range(100))),
        "200": get(*(b"X-%d: 1" % n for n in range(200))),
        "2000 empty": get(*(b"a:" for n in range(2000))),
        "10000 of one name": get(*[b"a:1"] * 10000),
    },
)
g.reject(
    "header-size", 431, {"after a good one": get(target=T + b"a") + get(b"X-A: " + b"a" * 40000)}, after=1
)

g = group(
    "small-limits", "Lower limits: request line 1 kB, fields 4 kB and 20, body 1000 bytes", profile="small"
)
g.forward(
    {
        "request line of 1000 bytes": get(target=T + b"a" * (1000 - 19)),
        "fields of 3 kB": get(*(b"X-%d: %s" % (n, b"a" * 500) for n in range(6))),
        "19 fields": get(*(b"X-%d: 1" % n for n in range(18))),
        "body of 1000": sized(b"x" * 1000),
        "body of 1000 in chunks": chunked(
            b"1f4\r\n" + b"x" * 500 + b"\r\n1f4\r\n" + b"y" * 500 + b"\r\n0\r\n\r\n"
        ),
        "no body": get(),
    }
)
g.reject(
    "request-line-size",
    414,
    {
        "request line of 1100": get(target=T + b"a" * 1100),
        "request line of 5000": get(target=T + b"a" * 5000),
    },
)
g.reject(
    "header-size",
    431,
    {
        "fields of 5 kB": get(*(b"X-%d: %s" % (n, b"a" * 500) for n in range(11))),
        "one of 5 kB": get(b"X-A: " + b"a" * 5000),
    },
)
g.reject("header-count", 431, {"21 fields": get(*(b"X-%d: 1" % n for n in range(20)))})
g.reject(
    "body-size",
    413,
    {
        "length of 1001": sized(b"x" * 1001),
        "length of a gigabyte": request(b"POST", fields=b"Content-Length: 1073741824", body=b"x"),
        "length over, with Expect": [
            request(b"POST", fields=[b"Content-Length: 1001", b"Expect: 100-continue"]),
            PAUSE,
        ],
        "length over, smuggling": sized(b"x" * 1001 + SMUGGLED),
        "on GET": sized(b"x" * 1001, method=b"GET"),
    },
)
g.abort(
    "body-size",
    413,
    {
        "chunk of 1001": chunked(b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"),
        "chunks of 1001 in all": chunked(
            b"1f4\r\n" + b"x" * 500 + b"\r\n1f5\r\n" + b"y" * 501 + b"\r\n0\r\n\r\n"
        ),
        "chunk of 16 MB, begun": chunked(b"ffffff\r\n" + b"x" * 1001),
        "1001 chunks": chunked(b"1\r\nx\r\n" * 1001 + b"0\r\n\r\n"),
    },
)

# ----------------------------------------------------------------------------------------------------
EVERYTHING = (
    b"POST "
    + T
    + b"?q=1 HTTP/1.1\r\nHost: edge.test\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n"
    b"0\r\nX-T: u\r\n\r\n"
)
g = group("split", "Two requests at once, sent in two parts cut at every byte")
PAIR = EVERYTHING.replace(T + b"?q=1", T + b"a") + sized(b"hello", b"X-C: d", target=T + b"b")
g.forward(
    {
        "after byte %d" % n: [PAIR[:n], PAUSE, PAIR[n:]]
        for n in range(1, len(PAIR))
        if TAG not in PAIR[max(0, n - 4) : n + 4]
    }
)
g.forward({"byte by byte": [TAG if c == 255 else bytes([c]) for c in PAIR.replace(TAG, b"\xff")]})

g = group("split-bad", "A bad request sent in two parts cut at every byte")
BAD = b"GET " + T + b" HTTP/1.1\r\nHost: edge.test\r\nX-A: b\rc\r\n\r\n"
g.reject(
    "line-end",
    400,
    {
        "bare CR, after byte %d" % n: [BAD[:n], PAUSE, BAD[n:]]
        for n in range(1, BAD.index(b"\rc") + 2)
        if TAG not in BAD[max(0, n - 4) : n + 4]
    },
)
BAD_CHUNK = chunked(b"5\r\nhello\r\n5;\n\r\nworld\r\n0\r\n\r\n")
g.abort(
    "chunk-extension",
    400,
    {
        "chunk line, after byte %d" % n: [BAD_CHUNK[:n], PAUSE, BAD_CHUNK[n:]]
        for n in range(BAD_CHUNK.index(b"\r\n\r\n") + 2, BAD_CHUNK.index(b";\n") + 2)
    },
)
CLASH = request(b"POST", fields=[b"Content-Length: 5", b"Transfer-Encoding: chunked"], body=b"0\r\n\r\n")
g.reject(
    "length-and-coding",
    400,
    {
        "length and coding, after byte %d" % n: [CLASH[:n], PAUSE, CLASH[n:]]
        for n in range(30, len(CLASH) - 5, 3)
    },
)

g = group("cut", "A request cut at every byte, the client gone")
WHOLE = EVERYTHING
g.silent({"after byte %d" % n: [WHOLE[:n], PAUSE, CLOSE] for n in range(1, len(WHOLE))})
FIXED = sized(b"hello", b"X-A: b")
g.silent(
    {
        "with a length, after byte %d" % n: [FIXED[:n], PAUSE, CLOSE]
        for n in range(FIXED.index(b"Content-Length"), len(FIXED))
    }
)
