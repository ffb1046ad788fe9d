"""HTTP/1.1 as RFC 9110 and 9112 write it, and not one byte laxer.

The recording endpoint reads what a proxy sends with parse_request, the client reads what a proxy answers with
parse_response, and the case tables' valid payloads go through the same parsers to say what must arrive. A message
that breaks the grammar raises Broken; one that is not all there yet gives None.
"""

import re

TCHAR = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.([01])")
ODD_REQUEST_LINE = re.compile(rb"([^\0\r\n ]+) ([^\0\r\n ]+) HTTP/1\.([01])")
ODD_NAME = re.compile(rb"[^\0-\x20:]+")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?")
QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]+)((?:[ \t]*;[ \t]*"
    + TOKEN
    + rb"(?:[ \t]*=[ \t]*(?:"
    + TOKEN
    + rb"|"
    + QUOTED
    + rb"))?)*)"
)
CHUNK_DIGITS_MAX = 15


class Broken(Exception):
    """The bytes are no HTTP/1.1 message, whatever may follow."""


class Message:
    """One message as parsed: raw is its exact bytes, end the offset behind it. odd lists breaches of the grammar that
    leave no doubt where anything ends, such as a control byte in a value."""

    def __init__(self):
        self.method = self.target = self.reason = b""
        self.minor = 1
        self.status = 0
        self.fields = []
        self.trailers = []
        self.body = b""
        self.framing = "none"  # none, length, chunked, close
        self.extensions = False
        self.complete = True
        self.odd = []
        self.leading = 0  # bytes of empty lines before it
        self.end = 0
        self.raw = b""
        self.body_at = 0  # where the body begins, once the head is there
        self.body_length = -1
        self.chunk_at = 0  # how far a chunked body has been read
        self.pieces = []

    def all(self, name):
        """The values of a field, in order; name in any case."""
        name = name.lower()
        return [value for field, value in self.fields if field.lower() == name]

    def tokens(self, name):
        """The members of a list field, in lower case."""
        return [t.strip().lower() for v in self.all(name) for t in v.split(b",") if t.strip()]

    def keeps_alive(self):
        """Whether the connection may carry another message after this one, as its sender says."""
        tokens = self.tokens(b"connection")
        if b"close" in tokens or self.framing == "close":
            return False
        return self.minor == 1 or b"keep-alive" in tokens

    def __repr__(self):
        start = self.method + b" " + self.target if self.method else b"%d" % self.status
        return "<%s %s %d bytes%s>" % (
            start.decode("latin-1"),
            self.framing,
            len(self.body),
            "" if self.complete else ", incomplete",
        )


def _line(buf, at):
    """The line at offset at and the offset behind its CRLF; None where it has not ended."""
    lf = buf.find(b"\n", at)
    if lf < 0:
        # A CR can only be the last byte so far; anywhere else it is bare.
        if b"\r" in buf[at:-1]:
            raise Broken("bare CR")
        return None
    if lf == at or buf[lf - 1 : lf] != b"\r":
        raise Broken("bare LF")
    line = buf[at : lf - 1]
    if b"\r" in line:
        raise Broken("bare CR")
    return line, lf + 1


def _fields(message, buf, at):
    """The field lines from at to the empty line: (fields, offset behind it), or None."""
    fields = []
    while True:
        found = _line(buf, at)
        if found is None:
            return None
        line, at = found
        if not line:
            return fields, at
        name, colon, value = line.partition(b":")
        if not colon or not ODD_NAME.fullmatch(name) or b"\0" in line:
            raise Broken("field %r" % line[:60])
        value = value.strip(b" \t")
        if not FIELD_VALUE.fullmatch(value) or any(c not in TCHAR for c in name):
            message.odd.append("field %r" % line[:60])
        fields.append((name, value))


def _chunks(message, buf, at):
    """Reads a chunked body and its trailers; the offset behind, or None."""
    at = message.chunk_at or at
    while True:
        message.chunk_at = at
        found = _line(buf, at)
        if found is None:
            message.body = b"".join(message.pieces)
            return None
        line, at = found
        match = CHUNK_LINE.fullmatch(line)
        if not match:
            raise Broken("chunk line %r" % line[:60])
        if len(match.group(1).lstrip(b"0")) > CHUNK_DIGITS_MAX:
            raise Broken("chunk size overflows")
        message.extensions |= bool(match.group(2))
        size = int(match.group(1), 16)
        if size == 0:
            break
        if len(buf) < at + size + 2:
            if len(buf) > at + size and buf[at + size :] != b"\r":
                raise Broken("no CRLF after chunk data")
            message.body = b"".join(message.pieces) + buf[at : at + size]  # a cut message shows what it had
            return None
        if buf[at + size : at + size + 2] != b"\r\n":
            raise Broken("no CRLF after chunk data")
        message.pieces.append(buf[at : at + size])
        at += size + 2
    message.body = b"".join(message.pieces)
    found = _fields(message, buf, at)
    if found is None:
        return None
    message.trailers, at = found
    return at


def _framing(message):
    """Decides between length, chunked and neither from the fields; the length, or -1."""
    lengths = message.all(b"content-length")
    codings = message.all(b"transfer-encoding")
    if len(lengths) > 1:
        raise Broken("several Content-Length")
    if lengths and codings:
        raise Broken("Content-Length and Transfer-Encoding")
    if codings:
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise Broken("Transfer-Encoding %r" % codings)
        if message.minor == 0:
            raise Broken("Transfer-Encoding in HTTP/1.0")
        message.framing = "chunked"
        return -1
    if lengths:
        if not lengths[0].isdigit() or len(lengths[0].lstrip(b"0")) > 19:
            raise Broken("Content-Length %r" % lengths[0])
        message.framing = "length"
        return int(lengths[0])
    return -1


def _body(message, buf, at, length):
    """Reads the body that _framing chose: the offset behind it, or None."""
    if message.framing == "chunked":
        return _chunks(message, buf, at)
    if message.framing == "length":
        message.body = buf[at : at + length]
        return at + length if len(buf) >= at + length else None
    return at


def parse_request(buf, at=0, partial=None):
    """The request at offset at; None if more bytes are needed. partial, a Message, is filled with what there is; given
    again with more bytes behind the same ones, the reading goes on where it stopped."""
    message = partial or Message()
    start = at
    if not message.body_at and not _request_head(message, buf, at):
        return None
    at = _body(message, buf, message.body_at, message.body_length)
    if at is None:
        return None
    message.end = at
    message.raw = buf[start:at]
    return message


def _request_head(message, buf, at):
    """Reads the head into message; False if it is not all there."""
    start = at
    while buf[at : at + 2] == b"\r\n":
        at += 2
    message.leading = at - start
    found = _line(buf, at)
    if found is None:
        return False
    match = REQUEST_LINE.fullmatch(found[0])
    if not match:
        match = ODD_REQUEST_LINE.fullmatch(found[0])
        if not match:
            raise Broken("request line %r" % found[0][:80])
        message.odd.append("request line %r" % found[0][:80])
    message.method, message.target, message.minor = match.group(1), match.group(2), int(match.group(3))
    found = _fields(message, buf, found[1])
    if found is None:
        return False
    message.fields, message.body_at = found
    hosts = message.all(b"host")
    if len(hosts) > 1 or (not hosts and message.minor == 1):
        raise Broken("%d Host fields" % len(hosts))
    message.body_length = _framing(message)
    return True


def parse_response(buf, at=0, method=b"GET", eof=False):
    """The response at offset at to a request with that method; None if more bytes are needed. At the connection's end
    (eof) a message that is cut short comes back with complete False, from its head on; before it, Broken is raised.
    """
    message = Message()
    found = _line(buf, at)
    if found is None:
        return _cut(message, buf, at, eof)
    match = STATUS_LINE.fullmatch(found[0])
    if not match:
        raise Broken("status line %r" % found[0][:80])
    message.minor, message.status = int(match.group(1)), int(match.group(2))
    message.reason = match.group(3) or b""
    found = _fields(message, buf, found[1])
    if found is None:
        return _cut(message, buf, at, eof)
    message.fields, body_at = found
    length = _framing(message)
    if method == b"HEAD" or message.status < 200 or message.status in (204, 304):
        message.framing = "none"
        end = body_at
    elif message.framing == "none":
        message.framing = "close"
        message.body = buf[body_at:]
        end = len(buf) if eof else None
    else:
        end = _body(message, buf, body_at, length)
    if end is None:
        return _cut(message, buf, at, eof)
    message.end = end
    message.raw = buf[at:end]
    return message


def _cut(message, buf, at, eof):
    if not eof:
        return None
    message.complete = False
    message.end = len(buf)
    message.raw = buf[at:]
    return message
