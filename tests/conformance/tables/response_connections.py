"""Misbehaving endpoints: interim answers, surplus bytes, ends, silence
(RFC 9110 sections 7.6 and 15.2, RFC 9112 section 9)"""

from ..cases import CLOSE, PAUSE, RESET, STALL, Answer, chunked, head, ok, pieces, request, sized
from .shared import BAD, HEAD, HELLO, L, POST, S, STRAY, X, interim, tables

GROUPS, scripts = tables()


# ----------------------------------------------------------------------------------------------------
g = scripts("interim", "1xx answers")


g.whole(
    {
        "100": interim(b"100 Continue") + ok(),
        "102": interim(b"102 Processing") + ok(),
        "103 with links": interim(b"103 Early Hints", b"Link: </a>; rel=preload") + ok(),
        "199": interim(b"199 X") + ok(),
        "two": interim(b"102 A") + interim(b"103 B") + ok(),
        "100 and 103": interim(b"100 Continue") + interim(b"103 B") + ok(),
        "later": [interim(b"103 B"), PAUSE, ok()],
        "twenty": interim(b"102 A") * 20 + ok(),
        "without a reason": interim(b"100 ") + ok(),
        "cut in the middle": [
            interim(b"103 B")[:10],
            PAUSE,
            interim(b"103 B")[10:] + ok()[:12],
            PAUSE,
            ok()[12:],
        ],
        "100 to a POST without Expect": interim(b"100 Continue") + ok(b"posted"),
    },
    reused=True,
)
g.whole({"103 passed on": interim(b"103 Early Hints", b"Link: </a>") + ok()}, interim=[103])
g.whole({"two 102 passed on": interim(b"102 A") * 2 + ok()}, interim=[102, 102])
g.whole(
    {
        "103 to HTTP/1.0": interim(b"103 Early Hints") + ok(),
        "100 to HTTP/1.0": interim(b"100 Continue") + ok(),
    },
    interim=[],
    request=request(target=X, version=b"HTTP/1.0"),
)
g.whole({"100, then the answer to a POST": interim(b"100 Continue") + ok()}, request=POST)
g.whole(
    {"100, then the answer to Expect": interim(b"100 Continue") + ok(), "no 100 for Expect": ok()},
    request=sized(b"hello", b"Expect: 100-continue", target=X),
)
g.whole({"executed version in 103 not trusted": interim(b"103 B", b"X-Amz-Executed-Version: 9") + ok()})
g.either(
    {
        "100 with a length": interim(b"100 Continue", b"Content-Length: 0") + ok(),
        "103 with a length": interim(b"103 B", b"Content-Length: 5") + ok(),
        "103 with chunked": interim(b"103 B", b"Transfer-Encoding: chunked") + ok(),
        "103 with hop-by-hop fields": interim(b"103 B", b"Connection: X-A", b"X-A: 1", b"Keep-Alive: 5")
        + ok(),
        "103 that closes": interim(b"103 B", b"Connection: close") + ok(),
        "10000 of them": interim(b"103 B") * 10000 + ok(),
        "200 of them": interim(b"102 A") * 200 + ok(),
    },
    Answer("whole", status=200, body=b"hello"),
    BAD,
    Answer("bad", (502,)),
)
g.broken(
    {
        "103 with a body": interim(b"103 B", b"Content-Length: 5") + b"hello" + ok(),
        "100 with text": interim(b"100 Continue") + b"hello" + ok(),
        "only a 100": [interim(b"100 Continue"), CLOSE],
        "only a 103": [interim(b"103 B"), PAUSE, CLOSE],
        "103, then garbage": interim(b"103 B") + b"garbage\r\n\r\n",
        "103 of bare LF": interim(b"103 B").replace(b"\r\n", b"\n") + ok(),
        "103 with a bad field": interim(b"103 B", b"X A: 1") + ok(),
        "103 with NUL": interim(b"103 B", b"X-A: \x00") + ok(),
        "103, then reset": [interim(b"103 B"), PAUSE, RESET],
    }
)
g.bad(
    {
        "101 nobody asked for": head(
            b"Connection: Upgrade", b"Upgrade: websocket", status=b"101 Switching Protocols"
        ),
        "101 without Upgrade": head(status=b"101 Switching Protocols"),
        "101 and a response": head(status=b"101 Switching Protocols") + ok(),
        "101, h2c": head(b"Connection: Upgrade", b"Upgrade: h2c", status=b"101 X"),
    }
)
g.bad(
    {"101 nobody asked for, to a POST": head(b"Connection: Upgrade", b"Upgrade: x", status=b"101 X")},
    request=POST,
)
WS = request(
    fields=[
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ],
    target=X,
)
g.whole(
    {
        "101 asked for": head(
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            status=b"101 Switching Protocols",
        ),
        "200 instead of 101": ok(),
        "426 instead of 101": ok(
            b"no", b"Upgrade: websocket", b"Connection: Upgrade", status=b"426 Upgrade Required"
        ),
    },
    request=WS,
)
g.bad(
    {
        "101 to another protocol": head(b"Connection: Upgrade", b"Upgrade: h2c", status=b"101 X"),
        "101 without Upgrade, asked for": head(b"Connection: Upgrade", status=b"101 X"),
        "101 of bare LF": head(b"Connection: Upgrade", b"Upgrade: websocket", status=b"101 X").replace(
            b"\r\n", b"\n"
        ),
    },
    request=WS,
)

# ----------------------------------------------------------------------------------------------------
g = scripts("surplus", "Bytes after a response, and before a request")
g.whole(
    {
        "a byte": ok() + b"x",
        "an empty line": ok() + b"\r\n",
        "a response": ok() + STRAY,
        "two responses": ok() + STRAY + STRAY,
        "garbage": ok() + b"\x00\xff" * 100,
        "a 100": ok() + interim(b"100 Continue"),
        "a 64 kB response": ok() + ok(b"z" * 65536),
        "a cut response": ok() + STRAY[:10],
        "after chunks": pieces(HELLO) + STRAY,
        "a byte after chunks": pieces(HELLO) + b"x",
        "a second last chunk": pieces(HELLO) + b"0\r\n\r\n",
        "after an empty body": ok(b"") + STRAY,
        "after a 404": ok(b"no", status=b"404 Not Found") + STRAY,
        "body longer than announced": head(b"Content-Length: 3", body=b"hello"),
        "after length zero": head(b"Content-Length: 0", body=b"hello"),
        "a 408 at once": ok() + ok(b"", b"Connection: close", status=b"408 Request Timeout"),
    },
    reused=False,
    body=None,
)
for case in g.cases:
    first = {
        "body longer than announced": b"hel",
        "after length zero": b"",
        "after an empty body": b"",
        "after a 404": b"no",
    }.get(case.name, b"hello")
    case.expects = [Answer("whole", body=first, reused=False)]
for name, late in {
    "a byte": b"x",
    "a response": STRAY,
    "an empty line": b"\r\n",
    "a 408 and the end": None,
    "a 100": interim(b"100 Continue"),
    "garbage": b"\x00" * 50,
    "half a response": STRAY[:20],
    "a 64 kB response": ok(b"z" * 65536),
}.items():
    rest = [late] if late else [ok(b"", b"Connection: close", status=b"408 Request Timeout"), CLOSE]
    g.whole({"later %s" % name: [ok(), PAUSE, PAUSE, *rest]}, reused=False, body=b"hello", status=200)
    g.whole(
        {"later %s, after chunks" % name: [pieces(HELLO), PAUSE, PAUSE, *rest]},
        reused=False,
        body=b"hello",
        status=200,
    )
    g.whole(
        {"later %s, to HEAD" % name: [head(b"Content-Length: 5"), PAUSE, PAUSE, *rest]},
        reused=False,
        body=b"",
        status=200,
        request=HEAD,
    )
g.whole(
    {
        "end right after": [ok(), CLOSE],
        "reset later": [ok(), PAUSE, RESET],
        "end later": [ok(), PAUSE, PAUSE, CLOSE],
        "end after chunks": [pieces(HELLO), CLOSE],
    },
    reused=False,
)

# ----------------------------------------------------------------------------------------------------
g = scripts("endings", "How a connection ends: closed, reset, cut at every byte")
g.whole(
    {
        "close-delimited": [head(b"X-A: 1", body=b"hello"), CLOSE],
        "close-delimited, empty": [head(b"X-A: 1"), CLOSE],
        "close-delimited, later": [head(b"X-A: 1"), PAUSE, b"hel", PAUSE, b"lo", PAUSE, CLOSE],
        "close-delimited, 1 MB": [head(body=b"y" * 1000000), CLOSE],
        "close-delimited in HTTP/1.0": [head(body=b"hello", version=b"HTTP/1.0"), CLOSE],
        "close announced": [ok(b"hello", b"Connection: close"), CLOSE],
        "close announced, not done": ok(b"hello", b"Connection: close"),
        "close announced in capitals": ok(b"hello", b"Connection: CLOSE"),
        "close announced, with chunks": pieces(HELLO, b"Connection: close"),
        "HTTP/1.0 with a length": head(b"Content-Length: 5", body=b"hello", version=b"HTTP/1.0"),
        "close and keep-alive": ok(b"hello", b"Connection: keep-alive, close"),
        "close-delimited 404": [head(status=b"404 Not Found", body=b"no"), CLOSE],
        "close-delimited like a response": [head(body=STRAY), CLOSE],
    },
    reused=False,
)
g.whole(
    {
        "HTTP/1.0 keep-alive": head(
            b"Connection: keep-alive", b"Content-Length: 5", body=b"hello", version=b"HTTP/1.0"
        ),
        "keep-alive": ok(b"hello", b"Connection: keep-alive", b"Keep-Alive: timeout=5, max=10"),
    }
)
g.cut(
    {
        "close-delimited, reset": [head(body=b"hello"), PAUSE, PAUSE, RESET],
        "close-delimited 100 kB, reset": [head(body=b"h" * 100000), PAUSE, PAUSE, RESET],
        "chunks, reset": [pieces(b"5\r\nhello\r\n"), PAUSE, RESET],
        "length, reset": [head(b"Content-Length: 9", body=b"hello"), PAUSE, RESET],
        "close-delimited in HTTP/1.0, reset": [head(body=b"hello", version=b"HTTP/1.0"), PAUSE, PAUSE, RESET],
    }
)
g.bad(
    {
        "closed at once": [CLOSE],
        "reset at once": [RESET],
        "closed after a pause": [PAUSE, CLOSE],
        "reset after a byte": [b"H", PAUSE, RESET],
        "closed in the status line": [b"HTTP/1.1 2", CLOSE],
        "closed before the last line": [S + b"\r\n" + L + b"\r\n", CLOSE],
        "closed in the last line": [S + b"\r\n" + L + b"\r\n\r", CLOSE],
    }
)
g.bad(
    {"closed at once, POST": [CLOSE], "reset at once, POST": [RESET], "closed in the head, POST": [S, CLOSE]},
    request=POST,
)
PLAIN, CHUNKS = ok(b"hello", b"X-A: b"), pieces(b"5;a=b\r\nhello\r\n3\r\nyou\r\n0\r\nX-T: u\r\n\r\n")
end_of_head = PLAIN.index(b"\r\n\r\n") + 4
g.bad({"head cut after byte %d" % n: [PLAIN[:n], PAUSE, CLOSE] for n in range(1, end_of_head)})
g.cut({"body cut after byte %d" % n: [PLAIN[:n], PAUSE, CLOSE] for n in range(end_of_head, len(PLAIN))})
end_of_head = CHUNKS.index(b"\r\n\r\n") + 4
g.cut({"chunks cut after byte %d" % n: [CHUNKS[:n], PAUSE, CLOSE] for n in range(end_of_head, len(CHUNKS))})
g.cut(
    {"chunks reset after byte %d" % n: [CHUNKS[:n], PAUSE, RESET] for n in range(end_of_head, len(CHUNKS), 4)}
)

# ----------------------------------------------------------------------------------------------------
g = scripts("response-split", "A good response in two parts, cut at every byte")
FULL = interim(b"103 B", b"X-A: b") + pieces(b"5;a=b\r\nhello\r\n3\r\nyou\r\n0\r\nX-T: u\r\n\r\n", b"X-A: b")
g.whole({"after byte %d" % n: [FULL[:n], PAUSE, FULL[n:]] for n in range(1, len(FULL))}, reused=True)
g.whole(
    {
        "byte by byte": [bytes([c]) for c in FULL],
        "head byte by byte, slowly": [s for c in ok() for s in (bytes([c]), PAUSE)],
    },
    reused=True,
)

# ----------------------------------------------------------------------------------------------------
g = scripts("response-hop", "What ends with this hop, and what only weir may say")
g.whole(
    {
        "Keep-Alive": ok(b"hello", b"Keep-Alive: timeout=5"),
        "Proxy-Connection": ok(b"hello", b"Proxy-Connection: keep-alive"),
        "listed": ok(b"hello", b"Connection: X-Hop", b"X-Hop: 1", b"X-End: 2"),
        "listed in another case": ok(b"hello", b"Connection: x-hop", b"X-HOP: 1"),
        "two listed": ok(b"hello", b"Connection: X-Hop, X-B", b"X-Hop: 1", b"X-B: 2"),
        "listed on two lines": ok(b"hello", b"Connection: X-Hop", b"Connection: X-B", b"X-Hop: 1", b"X-B: 2"),
        "listed before": ok(b"hello", b"X-Hop: 1", b"Connection: X-Hop"),
        "listed with close": ok(b"hello", b"Connection: close, X-Hop", b"X-Hop: 1"),
        "Upgrade without 101": ok(b"hello", b"Connection: Upgrade", b"Upgrade: h2c"),
        "Upgrade not listed": ok(b"hello", b"Upgrade: h2,h2c"),
        "TE": ok(b"hello", b"TE: gzip"),
    },
    lacks=[b"x-hop", b"x-b", b"keep-alive", b"proxy-connection", b"te"],
)
g.whole(
    {
        "executed version": ok(b"hello", b"X-Amz-Executed-Version: 9"),
        "executed version twice": ok(b"hello", b"X-Amz-Executed-Version: 9", b"x-amz-executed-version: 8"),
        "executed version in capitals": ok(b"hello", b"X-AMZ-EXECUTED-VERSION: 9"),
        "executed version empty": ok(b"hello", b"X-Amz-Executed-Version:"),
        "listed executed version": ok(b"hello", b"Connection: X-Amz-Executed-Version"),
        "executed version on 404": ok(b"hello", b"X-Amz-Executed-Version: 9", status=b"404 Not Found"),
        "executed version on 500": ok(b"hello", b"X-Amz-Executed-Version: 9", status=b"500 X"),
        "listed with its own": ok(
            b"hello", b"Connection: x-amz-executed-version", b"X-Amz-Executed-Version: 9"
        ),
    },
    has={b"x-amz-executed-version": [b"1"]},
)
g.whole(
    {
        "request id": ok(b"hello", b"x-amzn-RequestId: 1"),
        "request id twice": ok(b"hello", b"x-amzn-RequestId: 1", b"X-Amzn-Requestid: 2"),
        "listed request id": ok(b"hello", b"Connection: x-amzn-RequestId"),
    }
)
g.either(
    {
        "lists Content-Length": ok(b"hello", b"Connection: Content-Length"),
        "lists Transfer-Encoding": pieces(HELLO, b"Connection: Transfer-Encoding"),
        "lists Set-Cookie": ok(b"hello", b"Connection: Set-Cookie", b"Set-Cookie: a=b"),
        "lists Content-Type": ok(b"hello", b"Connection: Content-Type", b"Content-Type: a/b"),
        "lists everything": ok(
            b"hello",
            b"Connection: close, keep-alive, Connection, Content-Length, Date, Server, Via, x-amzn-RequestId, "
            b"X-Amz-Executed-Version",
        ),
    },
    Answer("whole", status=200, body=b"hello"),
    BAD,
)
g.whole(
    {
        "Via": ok(b"hello", b"Via: 1.1 inner"),
        "Server": ok(b"hello", b"Server: inner/1.0"),
        "Date": ok(b"hello", b"Date: Thu, 01 Jan 1970 00:00:00 GMT"),
        "Age": ok(b"hello", b"Age: 5"),
        "no Date": ok(),
        "Public-Key and so on": ok(
            b"hello", b"Strict-Transport-Security: max-age=1", b"Content-Security-Policy: default-src 'none'"
        ),
    }
)

# ----------------------------------------------------------------------------------------------------
OLD = request(target=X, version=b"HTTP/1.0")
g = scripts("old-client", "HTTP/1.0 clients get what they can read", request=OLD)
g.whole(
    {
        "length": ok(),
        "empty": ok(b""),
        "404": ok(b"no", status=b"404 Not Found"),
        "close-delimited": [head(body=b"hello"), CLOSE],
        "204": head(status=b"204 No Content"),
    }
)
g.whole(
    {
        "chunks": pieces(HELLO),
        "many chunks": pieces(b"1\r\nx\r\n" * 500 + b"0\r\n\r\n"),
        "chunks with a trailer": pieces(b"5\r\nhello\r\n0\r\nX-T: u\r\n\r\n"),
        "chunks later": [pieces(b""), PAUSE, HELLO],
    },
    lacks=[b"transfer-encoding"],
    trailers=[],
)
g.cut(
    {
        "cut length": [head(b"Content-Length: 9", body=b"hello"), PAUSE, CLOSE],
        "cut chunks": [pieces(b"5\r\nhello\r\n"), PAUSE, CLOSE],
        "reset while close-delimited": [head(body=b"hello"), PAUSE, PAUSE, RESET],
        "cut chunk": [pieces(b"5\r\nhel"), PAUSE, CLOSE],
    }
)
g.broken(
    {
        "bad chunk": [pieces(b"5\r\nhello\r\n"), PAUSE, b"x\r\n", PAUSE, CLOSE],
        "no last chunk": [pieces(b"5\r\nhello\r\n0\r\n"), PAUSE, CLOSE],
    }
)
g.bad({"broken head": [b"garbage\r\n\r\n", CLOSE], "closed": [CLOSE]})

# ----------------------------------------------------------------------------------------------------
BIG = sized(b"u" * 2000000, target=X)
g = scripts("early", "Answers before the request is all there", request=BIG, early=True)
g.whole(
    {
        "413 and the end": [ok(b"no", b"Connection: close", status=b"413 Too Large"), CLOSE],
        "401 and the end": [
            ok(b"", b"Connection: close", b'WWW-Authenticate: Basic realm="a"', status=b"401 X"),
            CLOSE,
        ],
        "302 in chunks and the end": [
            head(
                b"Transfer-Encoding: chunked",
                b"Location: /a",
                b"Connection: close",
                status=b"302 X",
                body=HELLO,
            ),
            CLOSE,
        ],
        "200 close-delimited": [head(body=b"hello"), CLOSE],
    }
)
g.whole(
    {"417 to an Expect": [ok(b"no", b"Connection: close", status=b"417 Expectation Failed"), CLOSE]},
    request=sized(b"hello", b"Expect: 100-continue", target=X),
)

# ----------------------------------------------------------------------------------------------------
# What weir still holds of a request that turns out broken must go nowhere: not before its answer, not to another
# client.
UPLOAD = [
    chunked(b"5\r\nhello\r\n", target=X),
    PAUSE,
    PAUSE,
    PAUSE,
    b"5\r\nworld\r\n2000\r\n" + b"x" * 8192 + b"\r\nx\r\n",
]
g = scripts("early-broken", "Answers that have begun when the request breaks", request=UPLOAD, early=True)
g.cut({"chunks, %d" % n: [pieces(b"5\r\nhello\r\n"), STALL] for n in range(20)})
g.cut({"a length, %d" % n: [head(b"Content-Length: 10", body=b"hello"), STALL] for n in range(5)})
g.bad({"no answer yet, %d" % n: [STALL] for n in range(5)}, "response", (400,))

# ----------------------------------------------------------------------------------------------------
g = scripts("stalls", "Endpoints that fall silent", profile="impatient")
g.bad(
    {
        "no answer": [STALL],
        "a byte": [b"H", STALL],
        "half a status line": [b"HTTP/1.1 20", STALL],
        "a status line": [S + b"\r\n", STALL],
        "half a field": [S + b"\r\nContent-Le", STALL],
        "all but the last line": [S + b"\r\n" + L + b"\r\n", STALL],
        "only a 100": [interim(b"100 Continue"), STALL],
        "only a 103": [interim(b"103 B"), STALL],
    },
    "response-timeout",
    (504,),
)
g.bad({"no answer to a POST": [STALL]}, "response-timeout", (504,), request=POST)
g.cut(
    {
        "no body": [head(b"Content-Length: 5"), STALL],
        "half a body": [head(b"Content-Length: 5", body=b"he"), STALL],
        "no chunks": [pieces(b""), STALL],
        "half a chunk": [pieces(b"5\r\nhe"), STALL],
        "no last chunk": [pieces(b"5\r\nhello\r\n"), STALL],
        "half a trailer": [pieces(b"5\r\nhello\r\n0\r\nX-"), STALL],
        "close-delimited, never closed": [head(body=b"hello"), STALL],
    }
)
