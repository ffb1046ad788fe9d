"""Odd requests: field names, field values, Host (RFC 9110 sections 5 and 7.2, RFC 9112 sections 3.2 and 5)"""

from ..cases import SMUGGLED, TAG, Expect, Group, get, raw, request, sized
from ..wire import TCHAR

GROUPS = []
LINE = b"GET /" + TAG + b" HTTP/1.1"


def group(*args):
    GROUPS.append(Group(*args))
    return GROUPS[-1]


# ----------------------------------------------------------------------------------------------------
g = group("field-name", "Every byte in a field name; empty names, missing colons")
g.forward({"0x%02x in the name" % c: get(b"X-a%cb: 1" % c) for c in sorted(TCHAR)})
g.reject(
    "field-name",
    400,
    {
        "0x%02x in the name" % c: get(b"X-a%cb: 1" % c)
        for c in range(256)
        if c not in TCHAR and c not in b":\r\n"
    },
)
g.reject(
    "field-name",
    400,
    {
        "0x%02x before the colon" % c: get(b"X-a%c: 1" % c)
        for c in (
            0,
            1,
            8,
            9,
            11,
            12,
            0x1F,
            0x20,
            0x22,
            0x28,
            0x2C,
            0x3B,
            0x40,
            0x5B,
            0x7F,
            0x80,
            0x85,
            0xA0,
            0xFF,
        )
    },
)
g.reject(
    "field-name",
    400,
    {
        "0x%02x first" % c: get(b"%cX-a: 1" % c)
        for c in (0, 1, 11, 12, 0x22, 0x28, 0x2C, 0x3B, 0x40, 0x5B, 0x7F, 0x80, 0x85, 0xA0, 0xFF)
    },
)
g.reject(
    "field-name",
    400,
    {
        "empty": get(b": 1"),
        "empty with a space": get(b" : 1"),
        "only a colon": get(b":"),
        "two colons": get(b":: 1"),
        "no colon": get(b"X-A"),
        "no colon but a value": get(b"X-A 1"),
        "no colon, equals": get(b"X-A=1"),
        "no colon in the last": raw(LINE, b"Host: edge.test", b"X-A"),
        "no colon first": raw(LINE, b"X-A", b"Host: edge.test"),
        "space before the Host": raw(LINE, b" Host: edge.test"),
        "tab before the Host": raw(LINE, b"\tHost: edge.test"),
        "space before the Host's colon": raw(LINE, b"Host : edge.test"),
        "space in the name": get(b"X A: 1"),
        "space before Connection's colon": get(b"Connection : close"),
        "quoted": get(b'"X-A": 1'),
        "request line as a field": get(b"GET /" + TAG + b"smuggled HTTP/1.1"),
        "UTF-8": get("Ä: 1".encode()),
        "parentheses": get(b"(X-A): 1"),
        "second space before the colon": get(b"X-A: 1", b"X-B : 2"),
        "space before Content-Length's colon": request(b"POST", fields=b"Content-Length : 5", body=b"hello"),
        "space before Content-Length": request(
            b"POST", fields=b" Content-Length: 5", body=b"hello" + SMUGGLED
        ),
        "NUL in Content-Length": request(b"POST", fields=b"Content\x00-Length: 5", body=b"hello" + SMUGGLED),
        "0xff behind Content-Length": request(
            b"POST", fields=b"Content-Length\xff: 5", body=b"hello" + SMUGGLED
        ),
    },
)
g.forward(
    {
        "all token characters": get(b"!#$%&'*+-.^_`|~0aZ: 1"),
        "one character": get(b"a: 1"),
        "digit": get(b"1: 1"),
        "1000 characters": get(b"X-" + b"a" * 998 + b": 1"),
        "underscore": get(b"X_A: 1"),
        "dot": get(b"X.A: 1"),
        "same name in different case": get(b"X-A: 1", b"x-a: 2", b"X-a: 3"),
        "name like a method": get(b"GET: 1"),
        "name like a version": get(b"HTTP: 1"),
        "twenty fields": get(*(b"X-%d: %d" % (n, n) for n in range(20))),
        "eighty fields": get(*(b"X-%d: %d" % (n, n) for n in range(80))),
        "fifty of one name": get(*(b"X-A: %d" % n for n in range(50))),
        "upper case": get(b"X-UPPER: 1"),
        "lower case": get(b"x-lower: 1"),
        "no Host but behind": raw(LINE, b"X-A: 1", b"Host: edge.test"),
        "Host in upper case": raw(LINE, b"HOST: edge.test"),
        "Host in lower case": raw(LINE, b"host: edge.test"),
    }
)

# ----------------------------------------------------------------------------------------------------
g = group("field-value", "Every byte in a field value; white space, emptiness, length")
OK_IN_VALUE = [c for c in range(256) if c == 9 or 0x20 <= c != 0x7F]
g.forward({"0x%02x in the value" % c: get(b"X-A: a%cb" % c) for c in OK_IN_VALUE})
g.reject(
    "field-value",
    400,
    {
        "0x%02x in the value" % c: get(b"X-A: a%cb" % c)
        for c in range(256)
        if c not in OK_IN_VALUE and c not in b"\r\n"
    },
)
CONTROLS = (0, 1, 7, 8, 11, 12, 14, 0x1B, 0x1F, 0x7F)
g.reject("field-value", 400, {"0x%02x at the end" % c: get(b"X-A: a%c" % c) for c in CONTROLS})
g.reject("field-value", 400, {"0x%02x at the start" % c: get(b"X-A:%ca" % c) for c in CONTROLS})
g.reject("field-value", 400, {"0x%02x alone" % c: get(b"X-A:%c" % c) for c in CONTROLS})
g.reject(
    "field-value",
    400,
    {
        "NUL in the Cookie": get(b"Cookie: a=b\x00"),
        "NUL in the User-Agent": get(b"User-Agent: a\x00b"),
        "NUL in the Connection": get(b"Connection: keep-alive\x00"),
        "NUL in the Expect": get(b"Expect: 100-continue\x00"),
        "DEL in the Authorization": get(b"Authorization: Basic \x7f"),
        "terminal escape": get(b"X-A: \x1b[31m"),
        "vertical tab in the Connection": get(b"Connection: \x0bclose"),
    },
)
g.forward(
    {
        "empty": get(b"X-A:"),
        "blank": get(b"X-A:   "),
        "tabs only": get(b"X-A:\t\t"),
        "no space": get(b"X-A:1"),
        "spaces around": get(b"X-A:    1   "),
        "tabs around": get(b"X-A:\t1\t"),
        "mixed blanks": get(b"X-A: \t \t1\t \t"),
        "inner blanks": get(b"X-A: a  b\t\tc"),
        "colons": get(b"X-A: a:b::c"),
        "only a colon": get(b"X-A::"),
        "commas": get(b"X-A: ,a,,b,"),
        "quoted": get(b'X-A: "a\\"b"'),
        "unclosed quote": get(b'X-A: "a'),
        "comment": get(b"X-A: (a (b))"),
        "semicolons": get(b"X-A: ;;a=b;"),
        "UTF-8": get("X-A: ä€😀".encode()),
        "Latin-1": get(b"X-A: \xe4\xf6\xfc"),
        "all obs-text": get(b"X-A: " + bytes(range(128, 256))),
        "no-break space around": get(b"X-A: \xa0a\xa0"),
        "next line around": get(b"X-A: \x85a\x85"),
        "0xff around": get(b"X-A: \xffa\xff"),
        "like a field": get(b"X-A: X-B: 1"),
        "like a request line": get(b"X-A: GET / HTTP/1.1"),
        "backslash r n": get(b"X-A: a\\r\\nX-B: 1"),
        "percent CRLF": get(b"X-A: a%0d%0aX-B: 1"),
        "8000 characters": get(b"X-A: " + b"a" * 8000),
        "20000 characters": get(b"X-A: " + b"ab" * 10000),
        "shellshock": get(b"User-Agent: () { :;}; echo"),
        "log4j": get(b"X-A: ${jndi:ldap://127.0.0.1/a}"),
        "format": get(b"X-A: %s%n%x"),
        "markup": get(b"X-A: <script>alert(1)</script>"),
        "repeated": get(b"X-A: 1", b"X-A: 2", b"X-A: 1"),
        "repeated and empty": get(b"X-A:", b"X-A: 1", b"X-A:"),
        "two cookies": get(b"Cookie: a=b", b"Cookie: c=d"),
        "cookie of 4 kB": get(b"Cookie: a=" + b"b" * 4000),
        "date": get(b"Date: nonsense"),
        "range": get(b"Range: bytes=0-,0-,0-"),
        "nonsense Accept": get(b"Accept: ;;;"),
        "odd Content-Type": sized(b"hello", b"Content-Type: /"),
        "odd Content-Encoding": sized(b"hello", b"Content-Encoding: chunked"),
        "two Content-Types": sized(b"hello", b"Content-Type: a/b", b"Content-Type: c/d"),
        "Accept-Encoding": get(b"Accept-Encoding: gzip, br"),
        "Authorization": get(b"Authorization: Bearer a.b.c=="),
        "Referer with a fragment": get(b"Referer: http://a/#b"),
        "Origin null": get(b"Origin: null"),
        "Content-MD5 and digest": sized(b"hello", b"Content-MD5: x", b"Digest: sha-256=x"),
        "If-None-Match": get(b'If-None-Match: "a", W/"b"'),
        "Idempotency-Key": sized(b"", b"Idempotency-Key: 1"),
        "Early-Data": get(b"Early-Data: 1"),
        "Pragma and Warning": get(b"Pragma: no-cache", b'Warning: 199 - "x"'),
        "X-HTTP-Method-Override": get(b"X-HTTP-Method-Override: DELETE"),
        "X-Original-URL": get(b"X-Original-URL: /admin", b"X-Rewrite-URL: /admin"),
        "Lambda's own": sized(
            b"{}", b"X-Amz-Invocation-Type: RequestResponse", b"X-Amz-Client-Context: e30="
        ),
        "signature": get(
            b"Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c",
            b"X-Amz-Date: 20260102T030405Z",
        ),
    }
)

# ----------------------------------------------------------------------------------------------------
g = group("host", "Host: missing, repeated, invalid")


def hosted(value, *more):
    return raw(LINE, b"Host:" + value, *more)


g.forward(
    {
        name: hosted(value)
        for name, value in {
            "name": b" edge.test",
            "no space": b"edge.test",
            "port": b" edge.test:8080",
            "default port": b" edge.test:80",
            "empty port": b" edge.test:",
            "upper case": b" EDGE.TEST",
            "blanks around": b"  edge.test \t",
            "one label": b" localhost",
            "trailing dot": b" edge.test.",
            "digits": b" 127.0.0.1",
            "digits and port": b" 127.0.0.1:80",
            "IPv6": b" [::1]",
            "IPv6 and port": b" [::1]:8080",
            "IPv6 long": b" [2001:db8::1]",
            "IPv4 in IPv6": b" [::ffff:127.0.0.1]",
            "underscore": b" a_b.test",
            "hyphens": b" a--b.test",
            "punycode": b" xn--bcher-kva.test",
            "leading digit": b" 1a.test",
            "tilde": b" ~a.test",
            "long label": b" " + b"a" * 63 + b".test",
            "port 65535": b" edge.test:65535",
            "port with zeros": b" edge.test:0080",
        }.items()
    }
)
g.forward(
    {
        "none in HTTP/1.0": raw(b"GET /" + TAG + b" HTTP/1.0"),
        "one in HTTP/1.0": request(version=b"HTTP/1.0"),
        "last": raw(LINE, b"X-A: 1", b"X-B: 2", b"Host: edge.test"),
        "X-Host beside": get(b"X-Host: other.test"),
    }
)
g.reject(
    "host-missing",
    400,
    {
        "none": raw(LINE),
        "none but fields": raw(LINE, b"X-A: 1", b"X-B: 2"),
        "only X-Host": raw(LINE, b"X-Host: edge.test"),
        "only X-Forwarded-Host": raw(LINE, b"X-Forwarded-Host: edge.test"),
        "none, POST": raw(b"POST /" + TAG + b" HTTP/1.1", b"Content-Length: 5") + b"hello",
        "none, and a smuggled one": raw(LINE) + SMUGGLED,
        "misspelt": raw(LINE, b"Hst: edge.test"),
        "Host_": raw(LINE, b"Host_: edge.test"),
    },
)
g.reject(
    "host-repeated",
    400,
    {
        "the same": raw(LINE, b"Host: edge.test", b"Host: edge.test"),
        "different": raw(LINE, b"Host: edge.test", b"Host: other.test"),
        "different case": raw(LINE, b"Host: edge.test", b"host: EDGE.test"),
        "apart": raw(LINE, b"Host: edge.test", b"X-A: 1", b"HOST: other.test"),
        "empty first": raw(LINE, b"Host:", b"Host: edge.test"),
        "empty second": raw(LINE, b"Host: edge.test", b"Host:"),
        "three": raw(LINE, *[b"Host: edge.test"] * 3),
        "in HTTP/1.0": raw(b"GET /" + TAG + b" HTTP/1.0", b"Host: edge.test", b"Host: other.test"),
    },
)
g.reject(
    "host-syntax",
    400,
    {
        name: hosted(value)
        for name, value in {
            "empty": b"",
            "blank": b"   ",
            "two": b" edge.test other.test",
            "comma": b" edge.test, other.test",
            "comma only": b" edge.test,other.test",
            "path": b" edge.test/a",
            "trailing slash": b" edge.test/",
            "scheme": b" http://edge.test",
            "double slash": b" //edge.test",
            "query": b" edge.test?a=b",
            "fragment": b" edge.test#a",
            "userinfo": b" user@edge.test",
            "userinfo and password": b" user:pw@edge.test",
            "at sign first": b" @edge.test",
            "at sign last": b" edge.test@",
            "backslash": b" edge.test\\other.test",
            "bad port": b" edge.test:abc",
            "port with letter": b" edge.test:80a",
            "negative port": b" edge.test:-1",
            "plus port": b" edge.test:+80",
            "port 65536": b" edge.test:65536",
            "port 99999": b" edge.test:99999",
            "port of 20 digits": b" edge.test:" + b"9" * 20,
            "port with space": b" edge.test: 80",
            "port with at": b" edge.test:80@other.test",
            "two ports": b" edge.test:80:81",
            "only a port": b" :80",
            "only a colon": b" :",
            "space": b" edge test",
            "tab": b" edge\ttest",
            "unclosed bracket": b" [::1",
            "closed bracket": b" ::1]",
            "IPv6 without brackets": b" ::1",
            "empty brackets": b" []",
            "text behind the bracket": b" [::1]a",
            "text before the bracket": b" a[::1]",
            "two brackets": b" [[::1]]",
            "name in brackets": b" [edge.test]",
            "zone": b" [fe80::1%eth0]",
            "quoted": b' "edge.test"',
            "single": b" <edge.test>",
            "braces": b" {edge.test}",
            "pipe": b" a|b",
            "caret": b" a^b",
            "backtick": b" a`b",
            "NUL": b" edge.test\x00",
            "NUL inside": b" edge\x00.test",
            "control": b" edge\x01.test",
            "DEL": b" edge.test\x7f",
            "UTF-8": b" \xc3\xa4.test",
            "0xff": b" \xffedge.test\xff",
            "no-break space": b" edge.test\xa0",
            "percent": b" edge%",
            "percent NUL": b" edge.test%00",
            "percent CRLF": b" edge.test%0d%0a",
            "percent slash": b" edge.test%2f",
            "10000 characters": b" " + b"a" * 10000,
            "port then path": b" edge.test:80/a",
            "vertical tab": b" \x0bedge.test",
        }.items()
    },
)
g.either(
    {
        name: hosted(value)
        for name, value in {
            "sub-delimiters": b" a!b$c&d'e(f)g*h+i;j=k",
            "percent letter": b" %65dge.test",
            "double dot": b" edge..test",
            "leading dot": b" .edge.test",
            "300 characters": b" " + b"a." * 150,
            "only dots": b" ..",
            "port 0": b" edge.test:0",
            "IPvFuture": b" [v1.a:b]",
            "label of 64": b" " + b"a" * 64 + b".test",
            "star": b" *.test",
            "hyphen first": b" -a.test",
        }.items()
    },
    Expect("forward"),
    Expect("reject", [400], "host-syntax"),
)
