"""Misbehaving endpoints: status lines, fields, line ends (RFC 9110 sections 5 and 15, RFC 9112 sections 4 and 5)"""

from ..cases import CLOSE, Answer, head, ok
from ..wire import TCHAR
from .shared import BAD, L, S, tables

GROUPS, scripts = tables()


# ----------------------------------------------------------------------------------------------------
g = scripts("status-line", "Status lines")


def status_line(line):
    return line + b"\r\nContent-Length: 5\r\n\r\nhello"


g.whole(
    {
        "plain": status_line(b"HTTP/1.1 200 OK"),
        "empty reason": status_line(b"HTTP/1.1 200 "),
        "long reason": status_line(b"HTTP/1.1 200 " + b"a" * 200),
        "reason of obs-text": status_line(b"HTTP/1.1 200 \xe4\xff"),
        "reason with blanks": status_line(b"HTTP/1.1 200 a  b\tc"),
        "reason like a header": status_line(b"HTTP/1.1 200 X: y"),
        "reason of digits": status_line(b"HTTP/1.1 200 200"),
    }
)
g.either(
    {
        "no space behind the code": status_line(b"HTTP/1.1 200"),
        "HTTP/1.2": status_line(b"HTTP/1.2 200 OK"),
        "HTTP/1.9": status_line(b"HTTP/1.9 200 OK"),
    },
    Answer("whole", status=200, body=b"hello"),
    BAD,
)
g.bad(
    {
        name: status_line(line)
        for name, line in {
            "HTTP/2.0": b"HTTP/2.0 200 OK",
            "HTTP/2": b"HTTP/2 200 OK",
            "HTTP/0.9": b"HTTP/0.9 200 OK",
            "HTTP/3.0": b"HTTP/3.0 200 OK",
            "HTTP/1": b"HTTP/1 200 OK",
            "HTTP/1.": b"HTTP/1. 200 OK",
            "HTTP/11": b"HTTP/11 200 OK",
            "HTTP/1.10": b"HTTP/1.10 200 OK",
            "HTTP/01.1": b"HTTP/01.1 200 OK",
            "lower case": b"http/1.1 200 OK",
            "mixed case": b"Http/1.1 200 OK",
            "no slash": b"HTTP1.1 200 OK",
            "ICY": b"ICY 200 OK",
            "RTSP": b"RTSP/1.0 200 OK",
            "HTTPS": b"HTTPS/1.1 200 OK",
            "two spaces": b"HTTP/1.1  200 OK",
            "tab": b"HTTP/1.1\t200 OK",
            "tab behind the code": b"HTTP/1.1 200\tOK",
            "space first": b" HTTP/1.1 200 OK",
            "no code": b"HTTP/1.1 OK",
            "no code at all": b"HTTP/1.1",
            "only a space": b"HTTP/1.1 ",
            "code first": b"200 OK",
            "code and reason together": b"HTTP/1.1 200OK",
            "NUL in the reason": b"HTTP/1.1 200 O\x00K",
            "control in the reason": b"HTTP/1.1 200 O\x01K",
            "DEL in the reason": b"HTTP/1.1 200 O\x7fK",
            "CR in the reason": b"HTTP/1.1 200 O\rK",
            "escape in the reason": b"HTTP/1.1 200 \x1b[31m",
            "NUL first": b"\x00HTTP/1.1 200 OK",
            "byte order mark": b"\xef\xbb\xbfHTTP/1.1 200 OK",
            "request line": b"GET / HTTP/1.1",
            "field instead": b"Content-Type: a/b",
            "empty": b"",
            "text": b"hello",
            "markup": b"<html>",
            "JSON": b'{"a":1}',
            "colon": b"HTTP/1.1: 200 OK",
            "comma version": b"HTTP/1,1 200 OK",
            "SMTP": b"220 mail ESMTP",
            "SSH": b"SSH-2.0-x",
            "negative version": b"HTTP/-1.1 200 OK",
            "vertical tab": b"HTTP/1.1\x0b200 OK",
            "no-break space": b"HTTP/1.1\xa0200 OK",
        }.items()
    }
)
g.bad(
    {
        "HTTP/0.9 answer": [b"hello world", CLOSE],
        "binary": [bytes(range(256)), CLOSE],
        "TLS alert": [b"\x15\x03\x01\x00\x02\x02\x28", CLOSE],
        "HTTP/2 settings": [b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", CLOSE],
        "64 kB without an end": [b"HTTP/1.1 200 " + b"a" * 65536, CLOSE],
    }
)
g.either(
    {"empty line before": b"\r\n" + ok(), "reason of 20 kB": status_line(b"HTTP/1.1 200 " + b"a" * 20000)},
    Answer("whole", status=200, body=b"hello"),
    BAD,
)

# ----------------------------------------------------------------------------------------------------
g = scripts("status-code", "Status codes")


def coded(code):
    return status_line(b"HTTP/1.1 " + code + b" Reason")


g.whole(
    {
        "%d" % code: coded(b"%d" % code)
        for code in (
            200,
            201,
            202,
            203,
            206,
            207,
            208,
            226,
            299,
            300,
            301,
            302,
            303,
            305,
            306,
            307,
            308,
            399,
            400,
            401,
            402,
            403,
            404,
            405,
            406,
            407,
            408,
            409,
            410,
            411,
            412,
            413,
            414,
            415,
            416,
            417,
            418,
            421,
            422,
            423,
            424,
            425,
            426,
            428,
            429,
            431,
            444,
            451,
            494,
            499,
            500,
            501,
            502,
            503,
            504,
            505,
            506,
            507,
            508,
            510,
            511,
            599,
        )
    }
)
g.bad(
    {
        "%s" % code.decode("latin-1"): coded(code)
        for code in (
            b"000",
            b"001",
            b"099",
            b"20",
            b"2",
            b"2000",
            b"1000",
            b"20x",
            b"x00",
            b"2x0",
            b"-20",
            b"+20",
            b"2.0",
            b"0x1",
            b"2 0",
            b"\xb200",
            b"",
            b"200,",
            b"00200",
            b"0200",
        )
    }
)
g.bad({"%d" % code: coded(b"%d" % code) for code in (600, 700, 999)})
g.either({"205 with a body": coded(b"205")}, Answer("whole"), Answer("whole", body=b""), BAD)

# ----------------------------------------------------------------------------------------------------
g = scripts("response-lines", "Line ends and folds in a response's head")
g.bad(
    {
        "all bare LF": ok().replace(b"\r\n", b"\n"),
        "LF after the status line": S + b"\n" + L + b"\r\n\r\nhello",
        "CR after the status line": S + b"\r" + L + b"\r\n\r\nhello",
        "LF after a field": S + b"\r\n" + L + b"\nX-A: 1\r\n\r\nhello",
        "CR after a field": S + b"\r\n" + L + b"\rX-A: 1\r\n\r\nhello",
        "CR CR LF": S + b"\r\n" + L + b"\r\r\nX-A: 1\r\n\r\nhello",
        "LF at the end": S + b"\r\n" + L + b"\r\n\nhello",
        "LF LF": S + b"\r\n" + L + b"\n\nhello",
        "CR CR LF at the end": S + b"\r\n" + L + b"\r\n\r\r\nhello",
        "LF in a value": ok(b"hello", b"X-A: a\nb"),
        "LF and a field in a value": ok(b"hello", b"X-A: a\nSet-Cookie: b=c"),
        "CR in a value": ok(b"hello", b"X-A: a\rb"),
        "CR and a field in a value": ok(b"hello", b"X-A: a\rSet-Cookie: b=c"),
        "CR at a value's end": ok(b"hello", b"X-A: a\r"),
        "CR in a name": ok(b"hello", b"X\r-A: a"),
        "LF before a name": ok(b"hello", b"\nX-A: a"),
        "CR in the length": S + b"\r\nContent-Length: 5\r6\r\n\r\nhello6",
        "split response": ok(b"hello", b"X-A: a\n\nHTTP/1.1 200 OK"),
        "fold": ok(b"hello", b"X-A: a\r\n b"),
        "fold with a tab": ok(b"hello", b"X-A: a\r\n\tb"),
        "fold of nothing": ok(b"hello", b"X-A:\r\n b"),
        "blank fold": ok(b"hello", b"X-A: a\r\n "),
        "fold like a field": ok(b"hello", b"X-A: a\r\n Set-Cookie: b=c"),
        "fold of the length": S + b"\r\nContent-Length:\r\n 5\r\n\r\nhello",
        "fold first": S + b"\r\n X-A: a\r\n" + L + b"\r\n\r\nhello",
        "fold of the type": ok(b"hello", b"Content-Type: text/plain;\r\n charset=utf-8"),
        "fold at the end": S + b"\r\n" + L + b"\r\n X\r\n\r\nhello",
    }
)

# ----------------------------------------------------------------------------------------------------
g = scripts("response-fields", "Every byte in a response's field names and values")
g.whole(
    {"value 0x%02x" % c: ok(b"hello", b"X-A: a%cb" % c) for c in range(256) if c == 9 or 0x20 <= c != 0x7F}
)
g.bad(
    {
        "value 0x%02x" % c: ok(b"hello", b"X-A: a%cb" % c)
        for c in range(256)
        if c not in b"\t\r\n" and (c < 0x20 or c == 0x7F)
    }
)
g.whole({"name 0x%02x" % c: ok(b"hello", b"X-a%cb: 1" % c) for c in sorted(TCHAR)})
g.bad(
    {
        "name 0x%02x" % c: ok(b"hello", b"X-a%cb: 1" % c)
        for c in range(256)
        if c not in TCHAR and c not in b":\r\n"
    }
)
g.bad(
    {
        "empty name": ok(b"hello", b": 1"),
        "only a colon": ok(b"hello", b":"),
        "no colon": ok(b"hello", b"X-A"),
        "no colon, equals": ok(b"hello", b"X-A=1"),
        "no colon first": head(b"X-A", L, body=b"hello"),
        "NUL at the value's end": ok(b"hello", b"X-A: a\x00"),
        "control at the value's start": ok(b"hello", b"X-A:\x01a"),
        "NUL in Set-Cookie": ok(b"hello", b"Set-Cookie: a=\x00"),
        "UTF-8 name": ok(b"hello", "Ä: 1".encode()),
        "status line again": ok(b"hello", b"HTTP/1.1 200 OK"),
        "quoted name": ok(b"hello", b'"X": 1'),
    }
)
# RFC 9112 5.1 lets a proxy repair this one in responses.
g.either(
    {
        "space before the colon": ok(b"hello", b"X-A : 1"),
        "tab before the colon": ok(b"hello", b"X-A\t: 1"),
        "space before the length's colon": head(b"Content-Length : 5", body=b"hello"),
    },
    BAD,
    Answer("whole", status=200, body=b"hello"),
)
g.whole(
    {
        "empty value": ok(b"hello", b"X-A:"),
        "blank value": ok(b"hello", b"X-A:   "),
        "no space": ok(b"hello", b"X-A:1"),
        "blanks around": ok(b"hello", b"X-A: \t 1 \t"),
        "colons": ok(b"hello", b"X-A: a:b:"),
        "UTF-8": ok(b"hello", "X-A: ä€😀".encode()),
        "all obs-text": ok(b"hello", b"X-A: " + bytes(range(128, 256))),
        "8 kB": ok(b"hello", b"X-A: " + b"a" * 8000),
        "60 fields": ok(b"hello", *(b"X-%d: 1" % n for n in range(60))),
        "repeated": ok(b"hello", b"X-A: 1", b"X-A: 2", b"x-a: 1"),
        "two cookies": ok(b"hello", b"Set-Cookie: a=b", b"Set-Cookie: c=d"),
        "five cookies": ok(b"hello", *(b"Set-Cookie: c%d=d; Path=/, x" % n for n in range(5))),
        "cookies apart": ok(
            b"hello", b"Set-Cookie: a=b", b"X-A: 1", b"set-cookie: c=d", b"X-B: 1", b"SET-COOKIE: e=f"
        ),
        "the same cookie twice": ok(b"hello", b"Set-Cookie: a=b", b"Set-Cookie: a=b"),
        "cookie date": ok(b"hello", b"Set-Cookie: a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        "WWW-Authenticate twice": ok(
            b"hello", b'WWW-Authenticate: Basic realm="a"', b"WWW-Authenticate: Bearer"
        ),
        "Link twice": ok(b"hello", b"Link: <a>", b"Link: <b>"),
        "encoded body": ok(b"\x1f\x8b\x08\x00x", b"Content-Encoding: gzip"),
        "nonsense type": ok(b"hello", b"Content-Type: /;/"),
        "no type": ok(),
        "Location": ok(b"", b"Location: http://other.test/a?b#c", status=b"302 Found"),
        "relative Location": ok(b"", b"Location: ../a", status=b"302 Found"),
        "Refresh": ok(b"hello", b"Refresh: 0; url=/"),
        "ETag and Vary": ok(b"hello", b'ETag: W/"a"', b"Vary: *"),
        "X-Accel": ok(b"hello", b"X-Frame-Options: DENY"),
        "function error": ok(b"{}", b"X-Amz-Function-Error: Unhandled"),
        "Content-Range": ok(b"hello", b"Content-Range: bytes 0-4/10", status=b"206 Partial Content"),
        "Alt-Svc": ok(b"hello", b'Alt-Svc: h2=":443"'),
    }
)

# ----------------------------------------------------------------------------------------------------
g = scripts("response-sizes", "Too large and too many fields of a response")
g.bad(
    {
        "one of 40 kB": ok(b"hello", b"X-A: " + b"a" * 40000),
        "one of 1 MB": ok(b"hello", b"X-A: " + b"a" * 1000000),
        "name of 40 kB": ok(b"hello", b"X" * 40000 + b": 1"),
        "fifty of 1 kB": ok(b"hello", *(b"X-%d: %s" % (n, b"a" * 1000) for n in range(50))),
        "cookies of 40 kB": ok(b"hello", *(b"Set-Cookie: %d=%s" % (n, b"a" * 1000) for n in range(40))),
        "101 fields": ok(b"hello", *(b"X-%d: 1" % n for n in range(100))),
        "1000 fields": ok(b"hello", *(b"X-%d: 1" % n for n in range(1000))),
        "10000 of one": ok(b"hello", *[b"a:"] * 10000),
        "without an end": [S + b"\r\nX-A: " + b"a" * 100000, CLOSE],
        "fields without an end": [S + b"\r\n" + b"X-A: 1\r\n" * 20000, CLOSE],
    }
)
g.whole(
    {
        "30 kB": ok(b"hello", *(b"X-%d: %s" % (n, b"a" * 990) for n in range(30))),
        "90 fields": ok(b"hello", *(b"X-%d: 1" % n for n in range(90))),
    }
)
