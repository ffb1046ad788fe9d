"""Odd requests: request lines, targets, methods, versions, line ends (RFC 9112 sections 2 and 3)"""

from ..cases import PAUSE, SMUGGLED, TAG, Expect, Group, chunked, get, raw, request, sized
from ..wire import TCHAR

GROUPS = []
T = b"/" + TAG
H = b"Host: edge.test"


def group(*args):
    GROUPS.append(Group(*args))
    return GROUPS[-1]


# ----------------------------------------------------------------------------------------------------
g = group("request-line", "Request lines: blanks, missing and additional parts")
g.forward(
    {
        "plain": raw(b"GET " + T + b" HTTP/1.1", H),
        "one empty line before": b"\r\n" + get(),
        "empty line between requests": get(target=T + b"a") + b"\r\n" + get(target=T + b"b"),
        "empty line after a body": sized(b"hello", target=T + b"a")
        + b"\r\n"
        + sized(b"world", target=T + b"b"),
        "two at once": get(target=T + b"a") + get(target=T + b"b"),
        "ten at once": b"".join(get(target=T + b"%d" % n) for n in range(10)),
        "GET and POST at once": get(target=T + b"a")
        + sized(b"hello", target=T + b"b")
        + get(target=T + b"c"),
        "chunked and GET at once": chunked(b"5\r\nhello\r\n0\r\n\r\n", target=T + b"a")
        + get(target=T + b"b"),
        "second request in two parts": [get(target=T + b"a") + b"GE", PAUSE, get(target=T + b"b")[2:]],
    }
)
g.either(
    {"two empty lines before": b"\r\n\r\n" + get(), "ten empty lines before": b"\r\n" * 10 + get()},
    Expect("forward"),
    Expect("reject", [400], "request-line"),
)
g.reject(
    "request-line",
    400,
    {
        "bare LF before": b"\n" + get(),
        "bare CR before": b"\r" + get(),
        "space before": b" " + get(),
        "tab before": b"\t" + get(),
        "NUL before": b"\x00" + get(),
        "byte order mark": b"\xef\xbb\xbf" + get(),
        "blank line before": b" \r\n" + get(),
        "two spaces after the method": raw(b"GET  " + T + b" HTTP/1.1", H),
        "two spaces before the version": raw(b"GET " + T + b"  HTTP/1.1", H),
        "tab after the method": raw(b"GET\t" + T + b" HTTP/1.1", H),
        "tab before the version": raw(b"GET " + T + b"\tHTTP/1.1", H),
        "vertical tab between": raw(b"GET\x0b" + T + b" HTTP/1.1", H),
        "form feed between": raw(b"GET " + T + b"\x0cHTTP/1.1", H),
        "CR between": raw(b"GET\r" + T + b" HTTP/1.1", H),
        "no-break space between": raw(b"GET\xa0" + T + b" HTTP/1.1", H),
        "space behind the version": raw(b"GET " + T + b" HTTP/1.1 ", H),
        "tab behind the version": raw(b"GET " + T + b" HTTP/1.1\t", H),
        "word behind the version": raw(b"GET " + T + b" HTTP/1.1 x", H),
        "space in the target": raw(b"GET " + T + b" a HTTP/1.1", H),
        "space and version in the target": raw(b"GET " + T + b" HTTP/1.1 HTTP/1.1", H),
        "no target": raw(b"GET HTTP/1.1", H, b"X-Case: " + TAG),
        "no target, two spaces": raw(b"GET  HTTP/1.1", H, b"X-Case: " + TAG),
        "no method": raw(T + b" HTTP/1.1", H),
        "no method, a space": raw(b" " + T + b" HTTP/1.1", H),
        "only a method": raw(b"GET", H, b"X-Case: " + TAG),
        "no version": raw(b"GET " + T, H),
        "no version, a space": raw(b"GET " + T + b" ", H),
        "HTTP/0.9": b"GET " + T + b"\r\n",
        "HTTP/0.9 and a request": b"GET " + T + b"\r\n" + SMUGGLED,
        "response": raw(b"HTTP/1.1 200 OK", b"Content-Length: 0", b"X-Case: " + TAG),
        "field line first": raw(H, b"X-Case: " + TAG),
        "binary": bytes(range(128, 192)) + b"\r\n" + T + b"\r\n\r\n",
        "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 64 + T + b"\r\n\r\n",
        "SOCKS": b"\x05\x01\x00" + T + b"\r\n\r\n",
        "PROXY protocol": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(),
        "PROXY protocol 2": b"\r\n\r\n\x00\r\nQUIT\n\x20\x11\x00\x0c" + b"\x7f\x00\x00\x01" * 3 + get(),
        "SMTP": b"EHLO " + TAG + b"\r\nMAIL FROM:<a>\r\n\r\n",
        "line over two lines": raw(b"GET " + T, b" HTTP/1.1", H),
        "JSON": b'{"case": "' + TAG + b'"}\r\n\r\n',
    },
)
g.reject(
    "request-line",
    400,
    {
        "garbage after a good one": get(target=T + b"a") + b"garbage\r\n\r\n",
        "space before the second": get(target=T + b"a") + b" " + SMUGGLED,
        "body without a length": request(b"POST", fields=b"", body=b"hello=1\r\n\r\n"),
        "more body than announced": request(
            b"POST", fields=b"Content-Length: 5", body=b"hello=1&" + SMUGGLED
        ),
        "GET with a body without a length": get() + b"0\r\n\r\n",
        "data behind the chunks": chunked(b"5\r\nhello\r\n0\r\n\r\n") + b"x=" + SMUGGLED,
    },
    after=1,
)

# ----------------------------------------------------------------------------------------------------
g = group("version", "HTTP versions")


def versioned(version, *fields):
    return request(fields=list(fields), version=version)


g.forward({"HTTP/1.1": versioned(b"HTTP/1.1"), "HTTP/1.0": versioned(b"HTTP/1.0")})
g.reject(
    "version-unsupported",
    505,
    {
        name.decode(): versioned(name)
        for name in (b"HTTP/0.9", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/9.9", b"HTTP/2.1", b"HTTP/0.0")
    },
)
g.reject(
    "version-unsupported",
    505,
    {
        "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + TAG,
    },
)
g.either(
    {"HTTP/1.2": raw(b"GET " + T + b" HTTP/1.2", H), "HTTP/1.9": raw(b"GET " + T + b" HTTP/1.9", H)},
    Expect("reject", [505, 400], "version-unsupported"),
    Expect("forward", target=T),
)
g.reject(
    "version-syntax",
    400,
    {
        name.decode("latin-1"): versioned(name)
        for name in (
            b"HTTP/1",
            b"HTTP/1.",
            b"HTTP/.1",
            b"HTTP/11",
            b"HTTP/1.10",
            b"HTTP/1.01",
            b"HTTP/01.1",
            b"HTTP/1.1.1",
            b"HTTP/1,1",
            b"HTTP/ 1.1",
            b"HTTP /1.1",
            b"HTTP/1 .1",
            b"http/1.1",
            b"Http/1.1",
            b"HTTP/a.b",
            b"HTTP/1.a",
            b"HTTP/+1.1",
            b"HTTP/-1.1",
            b"HTTP/1.1a",
            b"HTTP/1.1;",
            b"HTTP1.1",
            b"HTTP\\1.1",
            b"HTTP//1.1",
            b"HTTPS/1.1",
            b"HTTP",
            b"HTTP/",
            b"XTTP/1.1",
            b"ICY/1.1",
            b"RTSP/1.0",
            b"SIP/2.0",
            b"1.1",
            b"HTTP/1.1\x00",
            b"HTTP/\x001.1",
            b"HTTP/1.\xb9",
            b"HTTP/1.1\x7f",
            b"HTTP/1.12",
            b"HTTP/1.x",
            b"HTTP/4294967297.1",
            b"HTTP/1.4294967297",
        )
    },
)

# ----------------------------------------------------------------------------------------------------
g = group("method", "Methods: any token is one")
METHODS = [
    b"GET",
    b"POST",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
    b"BREW",
    b"PURGE",
    b"M-SEARCH",
    b"get",
    b"Get",
    b"post",
    b"GETT",
    b"GE",
    b"G",
    b"X",
    b"FOO",
    b"HTTP",
    b"GET1",
    b"1",
    b"!",
    b"*",
    b"a.b",
    b"BASELINE-CONTROL",
    b"VERSION-CONTROL",
    b"UPDATEREDIRECTREF",
    b"QUERY",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"LINK",
    b"SOURCE",
    b"PRI",
    b"connect",
    b"trace",
    b"TRACEX",
    b"CONNECTX",
    b"!#$%&'*+-.^_`|~09azAZ",
    b"HEADX",
    b"head",
    b"_",
    b"x" * 32,
]
g.forward({name.decode(): request(name) for name in METHODS})
g.forward(
    {"HEAD": request(b"HEAD"), "HEAD, then GET": request(b"HEAD", target=T + b"a") + get(target=T + b"b")}
)
g.forward(
    {
        "HEAD with Connection: %s" % token.decode(): request(b"HEAD", fields=b"Connection: " + token)
        for token in (b"x", b"keep-alive", b"keep-alive, x", b"upgrade")
    }
)
# What one request was must not colour the answer to the next.
g.reject(
    "method-syntax",
    400,
    {
        "after a HEAD": request(b"HEAD", target=T + b"a") + request(b"G\x00T"),
        "after a HEAD, later": [request(b"HEAD", target=T + b"a"), PAUSE, request(b"@")],
    },
    after=1,
)
g.forward(
    {
        "%s with a body" % name.decode(): sized(b"hello", method=name)
        for name in (
            b"GET",
            b"HEAD",
            b"DELETE",
            b"OPTIONS",
            b"PATCH",
            b"PUT",
            b"FOO",
            b"get",
            b"SEARCH",
            b"QUERY",
        )
    }
)
g.forward(
    {
        "%s with an empty body" % name.decode(): sized(b"", method=name)
        for name in (b"GET", b"HEAD", b"DELETE", b"FOO")
    }
)
g.forward(
    {
        "%s with a body like a request"
        % name.decode(): sized(SMUGGLED.replace(b"smuggled", b"innocent"), method=name)
        for name in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"FOO")
    }
)
g.either({"64 characters": request(b"M" * 64)}, Expect("forward"), Expect("reject", [400], "method-syntax"))
g.reject(
    "method-syntax",
    400,
    {"byte 0x%02x" % c: request(b"G%cT" % c) for c in range(256) if c not in TCHAR and c not in b"\r\n \t"},
)
g.reject(
    "method-syntax",
    400,
    {
        "leading byte 0x00": request(b"\x00GET"),
        "trailing byte 0x00": request(b"GET\x00"),
        "quoted": request(b'"GET"'),
        "colon behind": request(b"GET:"),
        "trailing 0x1f": request(b"GET\x1f"),
        "comma": request(b"GET,POST"),
    },
)
g.refuse(
    "connect",
    501,
    {
        "CONNECT with authority": raw(
            b"CONNECT edge.test:443 HTTP/1.1", b"Host: edge.test:443", b"X-Case: " + TAG
        ),
        "CONNECT with IPv6": raw(b"CONNECT [::1]:443 HTTP/1.1", b"Host: [::1]:443", b"X-Case: " + TAG),
    },
)
g.either(
    {
        "CONNECT with a path": request(b"CONNECT"),
        "CONNECT with absolute-form": request(b"CONNECT", b"http://edge.test" + T),
        "CONNECT with a body": raw(
            b"CONNECT edge.test:443 HTTP/1.1", b"Host: edge.test:443", b"X-Case: " + TAG, b"Content-Length: 5"
        )
        + b"hello",
        "CONNECT without port": raw(b"CONNECT edge.test HTTP/1.1", b"Host: edge.test", b"X-Case: " + TAG),
        "CONNECT, then a request": raw(
            b"CONNECT edge.test:443 HTTP/1.1", b"Host: edge.test:443", b"X-Case: " + TAG
        )
        + SMUGGLED,
    },
    Expect("reject", [501, 400], "connect"),
    Expect("refuse", [501, 400], "connect"),
)
g.refuse(
    "trace",
    501,
    {
        "TRACE": request(b"TRACE"),
        "TRACE with Max-Forwards": request(b"TRACE", fields=b"Max-Forwards: 5"),
    },
)
g.either(
    {
        "TRACE with a body": sized(b"hello", method=b"TRACE"),
    },
    Expect("refuse", [501, 400], "trace"),
    Expect("reject", [501, 400], "trace"),
)

# ----------------------------------------------------------------------------------------------------
g = group("target-bytes", "Every byte in a path and in a query")
UNRESERVED = b"-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
PCHAR = UNRESERVED + b"!$&'()*+,;=:@/"
BROWSERS = b"[]^`{|}"  # no URI characters, but browsers send them as they are in queries, some in paths
REFUSED = [
    c for c in range(256) if c not in PCHAR + BROWSERS + b"?%\\\r\n "
]  # '#', '"', '<', '>', controls, non-ASCII


def path(part):
    return request(target=T + b"a" + part + b"b")


def query(part):
    return request(target=T + b"?a" + part + b"b")


g.forward({"path %c" % c: path(b"%c" % c) for c in b"!$&'()*+,;=:@/-._~0aZ?"})
g.forward({"query %c" % c: query(b"%c" % c) for c in b"!$&'()*+,;=:@/-._~0aZ?"})
g.forward({"path browsers' %c" % c: path(b"%c" % c) for c in BROWSERS})
g.forward({"query browsers' %c" % c: query(b"%c" % c) for c in BROWSERS})
g.reject("target", 400, {"path 0x%02x" % c: path(b"%c" % c) for c in REFUSED})
g.reject("target", 400, {"query 0x%02x" % c: query(b"%c" % c) for c in REFUSED})
g.reject(
    "target",
    400,
    {
        "path backslash": path(b"\\"),
        "query backslash": query(b"\\"),
        "path leading backslash": request(target=b"\\" + TAG),
        "path space": path(b" "),
        "query space": query(b" "),
        "fragment": request(target=T + b"#top"),
        "fragment alone": request(target=b"/#" + TAG),
        "fragment after the query": request(target=T + b"?a=b#c"),
        "path LF": path(b"\n"),
        "path CR": path(b"\r"),
        "UTF-8": path("ä€😀".encode()),
        "overlong slash": path(b"\xc0\xaf"),
    },
)

# ----------------------------------------------------------------------------------------------------
g = group("target-form", "Targets: percent-encodings, dot segments, slashes, the four forms")


def to(target, host=b"edge.test", method=b"GET"):
    return request(method, target, host=host)


g.forward(
    {
        name: to(T + target)
        for name, target in {
            "encoded letter": b"/%41",
            "lower-case hex": b"/%c3%a4",
            "upper-case hex": b"/%C3%A4",
            "encoded slash": b"/a%2Fb",
            "encoded slash lower": b"/a%2fb",
            "encoded space": b"/a%20b",
            "encoded NUL": b"/a%00b",
            "encoded CRLF": b"/a%0d%0aX-Evil:%201",
            "encoded percent": b"/%25",
            "twice encoded": b"/%252e%252e",
            "encoded hash": b"/%23",
            "encoded question mark": b"/%3Fa",
            "encoded backslash": b"/%5c",
            "encoded tilde": b"/%7Ea",
            "encoded high": b"/%ff",
            "overlong": b"/%c0%af",
            "plus": b"/a+b",
            "double slash": b"//a",
            "triple slash": b"///",
            "trailing slash": b"/",
            "dot": b"/./a",
            "dot at the end": b"/.",
            "dot dot": b"/a/../b",
            "dot dot at the end": b"/a/..",
            "dot dot above the root": b"/../../../../etc/passwd",
            "encoded dots": b"/%2e%2e/a",
            "half encoded dots": b"/.%2e/a",
            "three dots": b"/.../a",
            "dots and parameter": b"/..;/a",
            "semicolon": b"/a;b=c/d",
            "empty query": b"?",
            "double question mark": b"??a",
            "query of signs": b"?&=&&==",
            "query with a slash": b"?a=/b/../c",
            "query with a URL": b"?u=http://a.b/?c=d",
            "repeated key": b"?a=1&a=2",
            "encoded ampersand": b"?a=%26",
            "bad encoding in the query": b"?a=100%",
            "bad encoding in the query 2": b"?a=%zz&b=%u1234",
            "colon": b"/a:b",
            "at sign": b"/a@b",
            "path like a URL": b"/http://other.test/",
            "path parameter": b"/;jsessionid=1",
            "long path": b"/" + b"a" * 4000,
            "long query": b"?" + b"a=b&" * 1000,
            "many segments": b"/a" * 1000,
            "star": b"/*",
            "dollar": b"/$LATEST",
        }.items()
    }
)
g.forward(
    {
        "only the root": request(target=b"/", fields=b"X-Case: " + TAG),
        "root with a query": request(target=b"/?" + TAG),
        "leading double slash": to(b"//" + TAG),
        "leading double slash and host": to(b"//other.test/" + TAG),
        "leading triple slash": to(b"///" + TAG),
        "leading dot dot": to(b"/../" + TAG),
        "encoded first letter": to(b"/%7e" + TAG),
    }
)
g.reject(
    "target",
    400,
    {
        name: to(T + target)
        for name, target in {
            "percent at the end": b"/a%",
            "one digit": b"/a%4",
            "no digits": b"/a%zz",
            "digit and letter": b"/a%4g",
            "percent sign u": b"/%u0041",
            "minus in the encoding": b"/%-1",
            "space in the encoding": b"/%4 1",
            "percent before the query": b"/a%?b",
        }.items()
    },
)
ABSOLUTE = b"http://edge.test/" + TAG
for name, payload in {
    "absolute": to(ABSOLUTE),
    "absolute, scheme in capitals": to(b"HTTP://edge.test/" + TAG),
    "absolute, host in capitals": to(b"http://EDGE.test/" + TAG),
    "absolute, Host in capitals": to(ABSOLUTE, host=b"EDGE.TEST"),
    "absolute, both with port": to(b"http://edge.test:8080/" + TAG, host=b"edge.test:8080"),
    "absolute in HTTP/1.0": request(target=ABSOLUTE, version=b"HTTP/1.0"),
    "absolute, POST": request(b"POST", ABSOLUTE, b"Content-Length: 5", b"hello"),
}.items():
    g.forward({name: payload}, target=T)
g.forward({"absolute with a query": to(ABSOLUTE + b"?a=/b?c")}, target=T + b"?a=/b?c")
g.forward({"absolute with only a query": to(b"http://edge.test?" + TAG)}, target=b"/?" + TAG)
g.forward(
    {"absolute without a path": request(target=b"http://edge.test", fields=b"X-Case: " + TAG)}, target=b"/"
)
g.forward({"absolute with double slash": to(b"http://edge.test//" + TAG)}, target=b"//" + TAG)
g.forward({"absolute, IPv6": to(b"http://[::1]/" + TAG, host=b"[::1]")}, target=T)
g.forward({"absolute in HTTP/1.0 without Host": raw(b"GET " + ABSOLUTE + b" HTTP/1.0")}, target=T)
g.either(
    {
        "absolute, default port against none": to(b"http://edge.test:80/" + TAG),
        "absolute, none against default port": to(ABSOLUTE, host=b"edge.test:80"),
        "absolute, empty port": to(b"http://edge.test:/" + TAG),
    },
    Expect("forward", target=T),
    Expect("reject", [400], "absolute-form"),
)
g.reject(
    "absolute-form",
    400,
    {
        "absolute, port 443 against none": to(b"http://edge.test:443/" + TAG),
        "absolute, port 80 against 443": to(b"http://edge.test:80/" + TAG, host=b"edge.test:443"),
        "absolute, another Host": to(ABSOLUTE, host=b"other.test"),
        "absolute, Host a suffix": to(ABSOLUTE, host=b"test"),
        "absolute, Host with a suffix": to(ABSOLUTE, host=b"edge.test.evil"),
        "absolute, another port": to(b"http://edge.test:8081/" + TAG, host=b"edge.test:8080"),
        "absolute, port against none": to(b"http://edge.test:8081/" + TAG),
        "absolute, none against port": to(ABSOLUTE, host=b"edge.test:8081"),
        "absolute, empty Host": to(ABSOLUTE, host=b""),
        "absolute, no Host in HTTP/1.1": raw(b"GET " + ABSOLUTE + b" HTTP/1.1"),
        "userinfo": to(b"http://user@edge.test/" + TAG),
        "userinfo and password": to(b"http://user:pw@edge.test/" + TAG),
        "empty userinfo": to(b"http://@edge.test/" + TAG),
        "userinfo that looks like the host": to(b"http://edge.test@other.test/" + TAG, host=b"edge.test"),
        "fragment": to(ABSOLUTE + b"#a"),
        "no host": to(b"http:///" + TAG),
        "no host but a port": to(b"http://:80/" + TAG),
        "one slash": to(b"http:/" + TAG),
        "no slashes": to(b"http:edge.test/" + TAG),
        "scheme https": to(b"https://edge.test/" + TAG),
        "scheme ftp": to(b"ftp://edge.test/" + TAG),
        "scheme ws": to(b"ws://edge.test/" + TAG),
        "scheme file": to(b"file:///" + TAG),
        "scheme javascript": to(b"javascript:alert(" + TAG + b")"),
        "scheme of a digit": to(b"1http://edge.test/" + TAG),
        "bad port": to(b"http://edge.test:80a/" + TAG),
        "port too large": to(b"http://edge.test:65536/" + TAG, host=b"edge.test:65536"),
        "space in the host": to(b"http://edge test/" + TAG),
        "encoded slash in the host": to(b"http://edge.test%2f/" + TAG),
        "backslash in the host": to(b"http://edge.test\\@other.test/" + TAG),
        "unclosed bracket": to(b"http://[::1/" + TAG, host=b"[::1"),
        "two ports": to(b"http://edge.test:80:80/" + TAG),
        "comma in the host": to(b"http://edge.test,other.test/" + TAG),
        "leading colon": to(b"://edge.test/" + TAG),
        "HTTP in the Host": to(ABSOLUTE, host=b"http://edge.test"),
    },
)
# An answer to HEAD ends with its head, also where the request is refused.
g.reject(
    "absolute-form",
    400,
    {
        "scheme https, HEAD": to(b"https://edge.test/" + TAG, method=b"HEAD"),
        "another Host, HEAD": to(ABSOLUTE, host=b"other.test", method=b"HEAD"),
    },
)
g.reject(
    "target-form",
    400,
    {
        "authority with GET": raw(b"GET edge.test:80 HTTP/1.1", H, b"X-Case: " + TAG),
        "authority with OPTIONS": raw(b"OPTIONS edge.test:80 HTTP/1.1", H, b"X-Case: " + TAG),
        "no leading slash": to(TAG),
        "no leading slash, path": to(b"a/" + TAG),
        "query only": to(b"?" + TAG),
        "dot first": to(b"./" + TAG),
        "asterisk with GET": raw(b"GET * HTTP/1.1", H, b"X-Case: " + TAG),
        "asterisk with POST": raw(b"POST * HTTP/1.1", H, b"X-Case: " + TAG, b"Content-Length: 0"),
        "asterisk with an unknown method": raw(b"FOO * HTTP/1.1", H, b"X-Case: " + TAG),
        "asterisk and a path": raw(b"OPTIONS *" + T + b" HTTP/1.1", H),
        "two asterisks": raw(b"OPTIONS ** HTTP/1.1", H, b"X-Case: " + TAG),
        "asterisk with a query": raw(b"OPTIONS *?" + TAG + b" HTTP/1.1", H),
        "colon first": to(b":/" + TAG),
        "at sign first": to(b"@other.test/" + TAG),
    },
)
g.either(
    {
        "asterisk with OPTIONS": raw(b"OPTIONS * HTTP/1.1", H, b"X-Case: " + TAG),
        "asterisk with OPTIONS and a body": raw(
            b"OPTIONS * HTTP/1.1", H, b"X-Case: " + TAG, b"Content-Length: 5"
        )
        + b"hello",
    },
    Expect("forward"),
    Expect("refuse", [200, 204, 400, 404, 405], "target-form"),
    Expect("reject", [400, 404, 405], "target-form"),
)
g.forward(
    {
        "OPTIONS of a path": to(T, method=b"OPTIONS"),
        "OPTIONS of the root": request(b"OPTIONS", b"/", b"X-Case: " + TAG),
    }
)

# ----------------------------------------------------------------------------------------------------
g = group("line-end", "Line ends in the head: only CRLF is one")
GET_LINE = b"GET " + T + b" HTTP/1.1"
g.reject(
    "line-end",
    400,
    {
        "all bare LF": get().replace(b"\r\n", b"\n"),
        "LF after the request line": GET_LINE + b"\n" + H + b"\r\n\r\n",
        "CR after the request line": GET_LINE + b"\r" + H + b"\r\n\r\n",
        "CR CR LF after the request line": GET_LINE + b"\r\r\n" + H + b"\r\n\r\n",
        "LF CR after the request line": GET_LINE + b"\n\r" + H + b"\r\n\r\n",
        "LF after a field": GET_LINE + b"\r\n" + H + b"\nX-A: b\r\n\r\n",
        "CR after a field": GET_LINE + b"\r\n" + H + b"\rX-A: b\r\n\r\n",
        "CR CR LF after a field": GET_LINE + b"\r\n" + H + b"\r\r\nX-A: b\r\n\r\n",
        "LF after the last field": GET_LINE + b"\r\n" + H + b"\n\r\n",
        "LF at the end": GET_LINE + b"\r\n" + H + b"\r\n\n",
        "LF LF": GET_LINE + b"\r\n" + H + b"\n\n",
        "LF LF and a request": GET_LINE + b"\r\n" + H + b"\n\n" + SMUGGLED,
        "CR CR LF at the end": GET_LINE + b"\r\n" + H + b"\r\n\r\r\n",
        "CR at the end": GET_LINE + b"\r\n" + H + b"\r\n\rX\r\n\r\n",
        "CR CR": GET_LINE + b"\r\n" + H + b"\r\r" + SMUGGLED,
        "space before the end": GET_LINE + b"\r\n" + H + b"\r\n \r\n" + SMUGGLED,
        "LF in the value": get(b"X-A: b\nc"),
        "LF and a field in the value": get(b"X-A: b\nX-B: c"),
        "LF at the value's end": get(b"X-A: b\n"),
        "LF at the value's start": get(b"X-A:\nb"),
        "CR in the value": get(b"X-A: b\rc"),
        "CR at the value's start": get(b"X-A:\rb"),
        "CR at the value's end": get(b"X-A: b\r"),
        "CR and a field in the value": get(b"X-A: b\rX-B: c"),
        "CR in the name": get(b"X\r-A: b"),
        "LF in the name": get(b"X\n-A: b"),
        "CR before the colon": get(b"X-A\r: b"),
        "LF before the colon": get(b"X-A\n: b"),
        "CR before the name": get(b"\rX-A: b"),
        "LF before the name": get(b"\nX-A: b"),
        "only CR in a line": get(b"\r"),
        "LF in the Host": GET_LINE + b"\r\nHost: edge.test\nX-A: b\r\n\r\n",
        "CR in the Host": GET_LINE + b"\r\nHost: edge.test\rX-A: b\r\n\r\n",
        "LF in Content-Length": request(b"POST", fields=b"Content-Length: 5\n", body=b"hello"),
        "CR in Content-Length": request(b"POST", fields=b"Content-Length: 5\r6", body=b"hello6" + SMUGGLED),
        "LF in the target": b"GET /" + TAG + b"\nHTTP/1.1\r\n" + H + b"\r\n\r\n",
        "LF after the method": b"GET\n/" + TAG + b" HTTP/1.1\r\n" + H + b"\r\n\r\n",
        "form feed instead of LF": GET_LINE + b"\r\x0c" + H + b"\r\n\r\n",
    },
)
g.reject("line-end", 400, {"all bare LF, HEAD": request(b"HEAD").replace(b"\r\n", b"\n")})
g.reject(
    "line-end",
    400,
    {
        "second request with bare LF": get(target=T + b"a") + get(target=T + b"b").replace(b"\r\n", b"\n"),
    },
    after=1,
)
g.reject(
    "obs-fold",
    400,
    {
        "space": get(b"X-A: b\r\n c"),
        "tab": get(b"X-A: b\r\n\tc"),
        "several": get(b"X-A: b\r\n c\r\n d"),
        "empty first line": get(b"X-A:\r\n b"),
        "blank fold": get(b"X-A: b\r\n "),
        "blank fold of a tab": get(b"X-A: b\r\n\t"),
        "fold like a field": get(b"X-A: b\r\n X-B: c"),
        "fold of the Host": GET_LINE + b"\r\nHost:\r\n edge.test\r\n\r\n",
        "fold before the Host": GET_LINE + b"\r\n " + H + b"\r\n\r\n",
        "fold of the Content-Length": request(b"POST", fields=b"Content-Length: 5\r\n 0", body=b"hello" * 10),
        "fold of the Connection": get(b"Connection: keep-alive,\r\n close"),
        "fold right after the request line": GET_LINE + b"\r\n X-A: b\r\n" + H + b"\r\n\r\n",
        "tab right after the request line": GET_LINE + b"\r\n\tX-A: b\r\n" + H + b"\r\n\r\n",
        "fold at the end": GET_LINE + b"\r\n" + H + b"\r\n X-A: b\r\n\r\n",
    },
)
