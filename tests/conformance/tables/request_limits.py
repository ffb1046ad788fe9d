"""Odd requests: sizes, and the same bytes cut at every place"""

from ..cases import CLOSE, PAUSE, RESET, SMUGGLED, TAG, Group, chunked, get, request, sized

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
        "target of 9000 bytes, HEAD": request(b"HEAD", T + b"a" * 9000),
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

# ----------------------------------------------------------------------------------------------------
g = group("second", "Faults in a request whose upstream connection is ready at once")
FIRST = get(target=T + b"a")
FAULTS = {
    "chunk size": b"5\r\nhello\r\nx\r\nhello\r\n0\r\n\r\n",
    "chunk size overflow": b"5\r\nhello\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "bare LF after a chunk": b"5\r\nhello\n5\r\nworld\r\n0\r\n\r\n",
    "bytes after a chunk": b"5\r\nhelloXX5\r\nworld\r\n0\r\n\r\n",
    "extension": b"5\r\nhello\r\n5;\x00\r\nworld\r\n0\r\n\r\n",
    "trailer": b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "large chunk, then a bad size": b"2000\r\n" + b"x" * 8192 + b"\r\n-1\r\n\r\n",
    "many chunks, then a bad size": b"1\r\nx\r\n" * 500 + b"g\r\n",
}
for fault, body in FAULTS.items():
    rule = {
        "chunk size": "chunk-size",
        "chunk size overflow": "chunk-size",
        "extension": "chunk-extension",
    }.get(fault, "trailer-field" if fault == "trailer" else "chunk-size" if "size" in fault else "chunk-line")
    g.abort(rule, 400, {"%s, at once" % fault: FIRST + chunked(body, target=T + b"b")}, after=1)
    g.abort(rule, 400, {"%s, later" % fault: [FIRST, PAUSE, chunked(body, target=T + b"b")]}, after=1)
    g.abort(
        rule,
        400,
        {"%s, in its own packet" % fault: [FIRST, PAUSE, chunked(b"", target=T + b"b"), PAUSE, body]},
        after=1,
    )
g.silent(
    {
        "client resets behind a chunk": [FIRST[:-2], PAUSE, RESET],
        "client leaves behind a chunk": [chunked(b"5\r\nhello\r\n5\r\nwor"), PAUSE, RESET],
    }
)

# ----------------------------------------------------------------------------------------------------
g = group("slow", "Clients that fall silent, with time limits of 600 ms", profile="impatient")
g.reject(
    None,
    408,
    {
        "after the first byte": b"G",
        "in the request line": b"GET " + T,
        "after the request line": b"GET " + T + b" HTTP/1.1\r\n",
        "in a field": b"GET " + T + b" HTTP/1.1\r\nHost: ed",
        "before the last line": b"GET " + T + b" HTTP/1.1\r\nHost: edge.test\r\n",
        "in the request line, HEAD": b"HEAD " + T,
        "in a field, HEAD": b"HEAD " + T + b" HTTP/1.1\r\nHost: ed",
    },
)
g.reject(None, 408, {"in the second request": get(target=T + b"a") + b"GET " + T}, after=1)
g.abort(
    None,
    408,
    {
        "before a body": request(b"POST", fields=b"Content-Length: 5"),
        "in a body": request(b"POST", fields=b"Content-Length: 5", body=b"hel"),
        "before the chunks": chunked(b""),
        "in a chunk": chunked(b"5\r\nhel"),
        "before the last chunk": chunked(b"5\r\nhello\r\n"),
        "in a trailer": chunked(b"5\r\nhello\r\n0\r\nX-T: "),
    },
)

# ----------------------------------------------------------------------------------------------------
g = group("trace-allowed", "TRACE where allow_trace is set", profile="trace")
g.forward({"TRACE": request(b"TRACE"), "TRACE with fields": request(b"TRACE", fields=b"X-A: b")})

g = group("trusted", "A client whose forwarded fields are trusted", profile="trusting")
g.forward(
    {"X-Forwarded-For": get(b"X-Forwarded-For: 1.2.3.4")}, has={b"x-forwarded-for": [b"1.2.3.4, 127.0.0.1"]}
)
g.forward(
    {"X-Forwarded-For of two": get(b"X-Forwarded-For: 1.2.3.4, 5.6.7.8")},
    has={b"x-forwarded-for": [b"1.2.3.4, 5.6.7.8, 127.0.0.1"]},
)
g.forward(
    {"X-Forwarded-For twice": get(b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-For: 5.6.7.8")},
    has={b"x-forwarded-for": [b"1.2.3.4, 5.6.7.8, 127.0.0.1"]},
)
g.forward(
    {"X-Forwarded-Proto and -Host": get(b"X-Forwarded-Proto: https", b"X-Forwarded-Host: shop.test")},
    has={b"x-forwarded-proto": [b"https"], b"x-forwarded-host": [b"shop.test"]},
)
g.forward(
    {"none": get()},
    has={
        b"x-forwarded-for": [b"127.0.0.1"],
        b"x-forwarded-proto": [b"http"],
        b"x-forwarded-host": [b"edge.test"],
    },
)
g.forward(
    {"request id": get(b"x-amzn-RequestId: 11111111-2222-4333-8444-555555555555")},
    has={b"x-amzn-requestid": [b"11111111-2222-4333-8444-555555555555"]},
)
g.forward({"request id of nonsense": get(b"x-amzn-RequestId: nonsense")}, has={b"x-amzn-requestid": None})
g.forward({"executed version": get(b"X-Amz-Executed-Version: 9")}, lacks=[b"x-amz-executed-version"])
g.forward(
    {"listed by Connection": get(b"Connection: X-Forwarded-For", b"X-Forwarded-For: 1.2.3.4")},
    has={b"x-forwarded-for": [b"127.0.0.1"]},
)
