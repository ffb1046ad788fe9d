"""What the tables of misbehaving endpoints share."""

from ..cases import TAG, Answer, Scripts, head, ok, request, sized

X = b"/" + TAG + b"/x"
BAD, CUT = Answer("bad", (502,), "response"), Answer("cut")
HEAD = request(b"HEAD", X)
POST = sized(b"hello", target=X)
STRAY = ok(b"stray")  # a whole response that nobody asked for
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
S, L = b"HTTP/1.1 200 OK", b"Content-Length: 5"


def interim(code, *fields):
    return head(*fields, status=code)


def tables():
    """A list of groups, and what makes one more."""
    groups = []

    def scripts(*args, **more):
        groups.append(Scripts(*args, **more))
        return groups[-1]

    return groups, scripts
