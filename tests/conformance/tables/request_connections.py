"""Odd requests: connections, hop-by-hop fields, spoofed fields, Expect, upgrades, HTTP/1.0
(RFC 9110 sections 7.6, 7.8 and 10.1)"""

from ..cases import CLOSE, PAUSE, RESET, SMUGGLED, TAG, Expect, Group, chunked, get, raw, request, sized

GROUPS = []
T = b"/" + TAG


def group(*args):
    GROUPS.append(Group(*args))
    return GROUPS[-1]


# ----------------------------------------------------------------------------------------------------
g = group("connection", "Connection: what ends with this hop")
g.forward(
    {
        "keep-alive": get(b"Connection: keep-alive"),
        "empty": get(b"Connection:"),
        "only commas": get(b"Connection: ,,"),
        "nonsense": get(b"Connection: x"),
        "upper case": get(b"Connection: KEEP-ALIVE"),
        "close": get(b"Connection: close"),
        "close in capitals": get(b"Connection: CLOSE"),
        "close and keep-alive": get(b"Connection: close, keep-alive"),
        "keep-alive and close": get(b"Connection: keep-alive, close"),
        "close twice": get(b"Connection: close", b"Connection: close"),
        "close in the second": get(b"Connection: x", b"Connection: close"),
        "close with a body": sized(b"hello", b"Connection: close"),
        "closed": get(b"Connection: closed"),
        "close in a list": get(b"Connection: , x ,\tclose ,"),
        "Proxy-Connection: close": get(b"Proxy-Connection: close"),
    }
)
g.forward(
    {
        "listed field": get(b"Connection: X-Hop", b"X-Hop: 1", b"X-End: 2"),
        "listed in another case": get(b"Connection: x-HOP", b"X-hop: 1"),
        "two listed": get(b"Connection: X-A, X-B", b"X-A: 1", b"X-B: 2"),
        "listed twice": get(b"Connection: X-A", b"Connection: X-B", b"X-A: 1", b"X-B: 2"),
        "listed before": get(b"X-A: 1", b"Connection: X-A"),
        "all of a name": get(b"X-A: 1", b"Connection: X-A", b"X-A: 2"),
        "listed with close": get(b"Connection: close, X-A", b"X-A: 1"),
        "listed but absent": get(b"Connection: X-A"),
        "listed with blanks": get(b"Connection:\t X-A\t,  X-B  ", b"X-A: 1", b"X-B: 1"),
    },
    lacks=[b"x-hop", b"x-a", b"x-b", b"keep-alive"],
)
g.reject(
    "connection-options",
    400,
    {
        "129 options": get(b"Connection: " + b",".join([b"a"] * 129)),
        "15 000 options": get(b"Connection: " + b",".join([b"a"] * 15000)),
        "130 options in two fields": get(b"Connection: " + b"a, " * 65, b"Connection: " + b"b, " * 65),
    },
)
g.forward(
    {
        "128 options": get(b"Connection: X-A" + b", b" * 127, b"X-A: 1"),
        "15 000 commas": get(b"Connection: X-A" + b"," * 15000, b"X-A: 1"),
    },
    lacks=[b"x-a"],
)
g.forward(
    {"a prefix is not listed": get(b"Connection: X-A", b"X-AB: 1", b"X: 2")},
    has={b"x-ab": [b"1"], b"x": [b"2"]},
)
g.forward(
    {
        "Keep-Alive": get(b"Keep-Alive: timeout=5, max=100"),
        "Proxy-Connection": get(b"Proxy-Connection: keep-alive"),
        "TE": get(b"TE: gzip", b"Connection: TE"),
        "TE not listed": get(b"TE: gzip;q=0.5"),
        "Upgrade not listed": get(b"Upgrade: websocket"),
        "Keep-Alive listed": get(b"Connection: Keep-Alive", b"Keep-Alive: 300"),
        "HTTP2-Settings": get(b"Connection: HTTP2-Settings", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    },
    lacks=[b"keep-alive", b"proxy-connection", b"te", b"upgrade", b"http2-settings"],
)
g.forward(
    {
        "100 tokens": get(
            b"Connection: " + b", ".join(b"x-%d" % n for n in range(100)), b"X-7: 1", b"X-99: 1", b"X-100: 2"
        )
    },
    lacks=[b"x-7", b"x-99"],
    has={b"x-100": [b"2"]},
)
# A proxy that obeyed these would lose the frame, the route or what it vouches for.
SAME = Expect("forward")
g.either(
    {
        "lists Content-Length": sized(b"hello", b"Connection: Content-Length"),
        "lists Transfer-Encoding": chunked(b"5\r\nhello\r\n0\r\n\r\n", b"Connection: Transfer-Encoding"),
        "lists Content-Length on GET": sized(b"hello", b"Connection: content-length", method=b"GET"),
        "lists Host": get(b"Connection: Host"),
        "lists all three": sized(b"hello", b"Connection: close, Host, Content-Length, Transfer-Encoding"),
        "lists Connection": get(b"Connection: Connection"),
        "lists a smuggling length": sized(
            SMUGGLED.replace(b"smuggled", b"innocent"), b"Connection: Content-Length"
        ),
    },
    SAME,
    Expect("reject", [400], "connection-lists-framing"),
)
g.forward(
    {
        "lists X-Forwarded-For": get(b"Connection: X-Forwarded-For", b"X-Forwarded-For: 6.6.6.6"),
        "lists the request id": get(b"Connection: x-amzn-RequestId", b"x-amzn-RequestId: 1"),
        "lists X-Forwarded-Host and -Proto": get(b"Connection: X-Forwarded-Host, X-Forwarded-Proto"),
        "lists all that weir adds": get(
            b"Connection: close, Via, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, "
            b"x-amzn-RequestId, traceparent, x-amz-executed-version"
        ),
    },
    has={
        b"x-forwarded-for": [b"127.0.0.1"],
        b"x-forwarded-proto": [b"http"],
        b"x-forwarded-host": [b"edge.test"],
        b"x-amzn-requestid": None,
    },
)
g.either(
    {
        "lists a token with bad bytes": get(b'Connection: a b/c@d, "q"'),
        "lists Cookie": get(b"Connection: Cookie, Authorization", b"Cookie: a=b"),
    },
    Expect("forward"),
    Expect("reject", [400], "connection-lists-framing"),
)
g.silent(
    {
        "client leaves after the request": [get()[:-2], CLOSE],
        "client resets in the head": [get()[:-2], RESET],
        "client resets in the body": [sized(b"hello")[:-1], PAUSE, RESET],
    }
)

# ----------------------------------------------------------------------------------------------------
g = group("spoofing", "Fields that only the proxy may write")
OWN = {
    b"x-forwarded-for": [b"127.0.0.1"],
    b"x-forwarded-proto": [b"http"],
    b"x-forwarded-host": [b"edge.test"],
}
g.forward(
    {
        "X-Forwarded-For": get(b"X-Forwarded-For: 6.6.6.6"),
        "X-Forwarded-For twice": get(b"X-Forwarded-For: 6.6.6.6", b"x-forwarded-for: 7.7.7.7"),
        "X-Forwarded-For empty": get(b"X-Forwarded-For:"),
        "X-Forwarded-For of bytes": get(b"X-Forwarded-For: \xff\xfe"),
        "X-Forwarded-Proto": get(b"X-Forwarded-Proto: https"),
        "X-Forwarded-Host": get(b"X-Forwarded-Host: evil.test"),
        "all three, odd case": get(
            b"x-FORWARDED-for: 6.6.6.6", b"x-forwarded-PROTO: https", b"X-forwarded-host: evil"
        ),
        "none": get(),
    },
    has=OWN,
)
g.forward(
    {
        "executed version": get(b"X-Amz-Executed-Version: 9"),
        "executed version twice": get(b"X-Amz-Executed-Version: 9", b"x-amz-executed-version: 8"),
        "executed version in capitals": get(b"X-AMZ-EXECUTED-VERSION: 9"),
        "executed version empty": get(b"x-amz-executed-version:"),
    },
    lacks=[b"x-amz-executed-version"],
)
g.forward(
    {
        "request id": get(b"x-amzn-RequestId: 11111111-2222-3333-4444-555555555555"),
        "request id of nonsense": get(b"x-amzn-RequestId: nonsense"),
        "request id twice": get(b"x-amzn-RequestId: 1", b"X-Amzn-Requestid: 2"),
        "request id empty": get(b"x-amzn-requestid:"),
    },
    has={b"x-amzn-requestid": None},
)
g.forward(
    {
        "underscores in X_Forwarded_For": get(b"X_Forwarded_For: 6.6.6.6"),
        "underscores in x_amz_executed_version": get(b"x_amz_executed_version: 9"),
        "underscores in X_Amzn_RequestId": get(b"X_Amzn_RequestId: 1"),
        "mixed X-Forwarded_For": get(b"X-Forwarded_For: 6.6.6.6"),
        "underscores in X_Forwarded_Proto": get(b"X_Forwarded_Proto: https"),
        "underscores in X_Forwarded_Host": get(b"X_Forwarded_Host: evil"),
        "underscores in X_Forwarded_Ssl": get(b"X_Forwarded_Ssl: on"),
    },
    without=[
        b"x_forwarded_ssl",
        b"x_forwarded_for",
        b"x_amz_executed_version",
        b"x_amzn_requestid",
        b"x-forwarded_for",
        b"x_forwarded_proto",
        b"x_forwarded_host",
    ],
    lacks=[
        b"x_forwarded_ssl",
        b"x_forwarded_for",
        b"x_amz_executed_version",
        b"x_amzn_requestid",
        b"x-forwarded_for",
        b"x_forwarded_proto",
        b"x_forwarded_host",
    ],
)
g.forward(
    {
        "Via is added to": get(b"Via: 1.1 before"),
        "True-Client-IP": get(b"True-Client-IP: 6.6.6.6"),
        "traceparent": get(b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        "tracestate": get(b"tracestate: a=b"),
        "bad traceparent": get(b"traceparent: nonsense"),
        "traceparent twice": get(
            b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            b"traceparent: 00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    },
)
g.forward({"no traceparent": get()}, lacks=[b"traceparent", b"tracestate"])
FORWARDED = [b"x-real-ip", b"forwarded"] + [
    b"x-forwarded-" + name for name in (b"port", b"prefix", b"ssl", b"server", b"scheme", b"anything")
]
g.forward(
    {
        "X-Real-IP": get(b"X-Real-IP: 6.6.6.6"),
        "Forwarded": get(b"Forwarded: for=6.6.6.6;proto=https;host=evil.test"),
        "X-Forwarded-Port": get(b"X-Forwarded-Port: 443"),
        "X-Forwarded-Prefix": get(b"X-Forwarded-Prefix: /evil"),
        "X-Forwarded-Ssl": get(b"X-Forwarded-Ssl: on"),
        "X-Forwarded-Server": get(b"X-Forwarded-Server: evil"),
        "X-Forwarded-Scheme": get(b"X-Forwarded-Scheme: https"),
        "X-Forwarded-Anything": get(b"X-FORWARDED-anything: evil"),
    },
    without=FORWARDED,
    lacks=FORWARDED,
)

# ----------------------------------------------------------------------------------------------------
g = group("expect", "Expect: only 100-continue is one")
g.forward(
    {
        "100-continue": sized(b"hello", b"Expect: 100-continue"),
        "in capitals": sized(b"hello", b"Expect: 100-CONTINUE"),
        "blanks around": sized(b"hello", b"Expect:  100-continue "),
        "on GET without a body": get(b"Expect: 100-continue"),
        "chunked": chunked(b"5\r\nhello\r\n0\r\n\r\n", b"Expect: 100-continue"),
        "empty body": sized(b"", b"Expect: 100-continue"),
        "in HTTP/1.0": request(
            b"POST",
            fields=[b"Expect: 100-continue", b"Content-Length: 5"],
            body=b"hello",
            version=b"HTTP/1.0",
        ),
        "body after the answer": [sized(b"hello", b"Expect: 100-continue")[:-5], PAUSE, PAUSE, b"hello"],
        "chunked body after the answer": [
            chunked(b"", b"Expect: 100-continue"),
            PAUSE,
            PAUSE,
            b"5\r\nhello\r\n0\r\n\r\n",
        ],
        "body like a request": sized(SMUGGLED.replace(b"smuggled", b"innocent"), b"Expect: 100-continue"),
        "then another": sized(b"hello", b"Expect: 100-continue", target=T + b"a") + get(target=T + b"b"),
    }
)
g.either(
    {
        name: get(b"Expect: " + value)
        for name, value in {
            "unknown": b"x",
            "number": b"200-ok",
            "two": b"100-continue, x",
            "parameter": b"100-continue;a=b",
            "prefix": b"100-continuex",
            "space inside": b"100 continue",
            "quoted": b'"100-continue"',
        }.items()
    },
    Expect("refuse", [417], "expect"),
    Expect("reject", [417], "expect"),
)
g.either(
    {
        "unknown, with a body": sized(b"hello", b"Expect: x"),
        "unknown, with a body to come": [sized(b"hello", b"Expect: x")[:-5], PAUSE, PAUSE],
        "unknown, with a smuggled request": sized(SMUGGLED, b"Expect: x"),
        "unknown in the second field": sized(b"hello", b"Expect: 100-continue", b"Expect: x"),
    },
    Expect("reject", [417], "expect"),
    Expect("refuse", [417], "expect"),
)
g.either(
    {
        "empty": get(b"Expect:"),
        "twice": sized(b"hello", b"Expect: 100-continue", b"Expect: 100-continue"),
        "list of the same": sized(b"hello", b"Expect: 100-continue, 100-continue"),
    },
    Expect("forward"),
    Expect("refuse", [417], "expect"),
    Expect("reject", [400, 417], "expect"),
)

# ----------------------------------------------------------------------------------------------------
g = group("upgrade", "Upgrades: only what the endpoint agrees to, and never more")
WS = [
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
]
g.upgrade(
    {
        "websocket": get(*WS, target=T + b"switch"),
        "odd case": get(b"connection: UPGRADE", b"upgrade: WebSocket", target=T + b"switch"),
        "among other tokens": get(
            b"Connection: keep-alive, Upgrade", b"Upgrade: websocket", target=T + b"switch"
        ),
    }
)
g.forward(
    {
        "refused by the endpoint": get(*WS),
        "refused, POST": sized(b"hello", b"Connection: upgrade", b"Upgrade: foo/1"),
        "of another protocol": get(b"Connection: upgrade", b"Upgrade: foo"),
        "without listing": get(b"Upgrade: websocket"),
        "listed but absent": get(b"Connection: upgrade"),
        "empty": get(b"Connection: upgrade", b"Upgrade:"),
    }
)
g.forward(
    {
        "h2c": get(
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        ),
        "h2c without settings": get(b"Connection: Upgrade", b"Upgrade: h2c"),
        "h2c in capitals": get(b"Connection: Upgrade", b"Upgrade: H2C"),
        "h2c in a list": get(b"Connection: Upgrade", b"Upgrade: h2c, foo"),
        "HTTP/2.0": get(b"Connection: Upgrade", b"Upgrade: HTTP/2.0", target=T + b"switch"),
        "http/1.1 in a list": get(b"Connection: Upgrade", b"Upgrade: foo, http/1.1", target=T + b"switch"),
        "h2c to an endpoint that would agree": get(
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
            target=T + b"switch",
        ),
    },
    lacks=[b"http2-settings"],
)
g.forward(
    {
        "in HTTP/1.0": request(fields=WS, version=b"HTTP/1.0", target=T),
        "of another protocol, to an endpoint that would agree": get(
            b"Connection: Upgrade", b"Upgrade: foo", target=T + b"switch"
        ),
        "TLS": get(b"Connection: Upgrade", b"Upgrade: TLS/1.2", target=T + b"switch"),
        "websocket or another": get(b"Connection: Upgrade", b"Upgrade: websocket, foo", target=T + b"switch"),
        "websocket or h2c in two fields": get(
            b"Connection: Upgrade", b"Upgrade: websocket", b"Upgrade: h2c", target=T + b"switch"
        ),
        "listed but absent, to an endpoint that would agree": get(b"Connection: upgrade", target=T + b"switch"),
    },
    lacks=[b"upgrade"],
)
g.forward({"with a body": sized(b"hello", *WS), "with a chunked body": chunked(b"5\r\nhello\r\n0\r\n\r\n", *WS)})
SECOND = request(target=T + b"second")
g.forward(
    {
        "a request behind one that the endpoint ignores": get(*WS) + SECOND,
        "a request behind one that is not passed on": get(b"Connection: Upgrade", b"Upgrade: h2c") + SECOND,
        "a request behind HEAD": request(b"HEAD", fields=WS, target=T) + SECOND,
    },
    targets=[T, T + b"second"],
)
g.reject(
    "request-line",
    400,
    {"a frame behind one that the endpoint ignores": get(*WS) + b"\x81\x05hello\r\n\r\n"},
    after=1,
)
g.reject(
    "version-unsupported",
    505,
    {
        "HTTP/2 behind one to h2c": get(b"Connection: Upgrade", b"Upgrade: h2c")
        + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    },
    after=1,
)

# ----------------------------------------------------------------------------------------------------
g = group("http10", "HTTP/1.0 clients")


def old(*fields, method=b"GET", body=b"", target=T):
    return request(method, target, list(fields), body, version=b"HTTP/1.0")


g.forward(
    {
        "plain": old(),
        "without Host": raw(b"GET " + T + b" HTTP/1.0"),
        "HEAD": old(method=b"HEAD"),
        "POST": old(b"Content-Length: 5", method=b"POST", body=b"hello"),
        "close": old(b"Connection: close"),
        "unknown token": old(b"Connection: x"),
        "POST without a length": old(method=b"POST"),
        "body with a length on GET": old(b"Content-Length: 5", body=b"hello"),
    }
)
g.forward({"a second request without keep-alive": old() + SMUGGLED}, targets=[T])
g.forward({"a second request after close": get(b"Connection: close") + SMUGGLED}, targets=[T])
g.either(
    {
        "keep-alive": old(b"Connection: keep-alive"),
        "keep-alive in capitals": old(b"Connection: Keep-Alive"),
        "keep-alive, POST": old(
            b"Connection: keep-alive", b"Content-Length: 5", method=b"POST", body=b"hello"
        ),
        "keep-alive twice": old(b"Connection: keep-alive", b"Connection: x, keep-alive"),
    },
    Expect("forward"),
    Expect("forward", closes=True),
)

# ----------------------------------------------------------------------------------------------------
g = group("max-forwards", "Max-Forwards on OPTIONS (RFC 9110 section 7.6.2)")
g.either(
    {"zero": request(b"OPTIONS", fields=b"Max-Forwards: 0")},
    Expect("refuse", [200, 204, 400, 404, 405, 501]),
    Expect("reject", [400, 405]),
)
g.forward({"five": request(b"OPTIONS", fields=b"Max-Forwards: 5")}, has={b"max-forwards": [b"4"]})
g.forward({"zero on GET": get(b"Max-Forwards: 0"), "nonsense on GET": get(b"Max-Forwards: x")})
