"""Clients and endpoints that speak TLS, with Python's ssl. Truncation is told apart from the end: a connection that is closed without
close_notify ends as "cut"."""

import contextlib
import ssl

from .client import Connection
from .fake import Fake, answering
from .places import ADDRESS
from .waiting import LIMIT_S


def say_goodbye(connection):
    """Ends TLS without waiting for the other side. Just closing the socket cuts the connection instead."""
    connection.socket.settimeout(0)
    with contextlib.suppress(ssl.SSLError, OSError):
        connection.socket.unwrap()
    connection.socket.settimeout(LIMIT_S)


def tell_cuts(context):
    """Python asks OpenSSL to take a cut connection for one that ended well; here the difference counts."""
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


def is_cut(error):
    """Whether the connection ended without close_notify: Python's own class for it does not cover all that OpenSSL 3 says."""
    return isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING"


def client_context(authority=None, version=None, certificate=None, alpn=("http/1.1",)):
    context = tell_cuts(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    if authority:
        context.load_verify_locations(authority.file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    if certificate:
        context.load_cert_chain(certificate.certificate, certificate.key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class TlsConnection(Connection):
    """A client connection over TLS; server_name is sent, and verified where the context verifies."""

    def __init__(self, port, context, server_name=None, session=None, address=ADDRESS, **more):
        super().__init__(port, address, **more)
        try:
            self.socket = context.wrap_socket(
                self.socket, server_hostname=server_name, session=session, suppress_ragged_eofs=False
            )
        except BaseException:
            self.socket.close()
            raise

    def _fill(self):
        if self.end:
            return False
        try:
            return super()._fill()
        except ssl.SSLError as e:
            if not is_cut(e):
                raise
            self.end = "cut"
            return False

    @property
    def is_resumed(self):
        return self.socket.session_reused

    def certificate(self):
        """The server's, in DER: the connection need not verify it."""
        return self.socket.getpeercert(binary_form=True)

    def say_goodbye(self):
        say_goodbye(self)


def handle(handler, connection):
    """A handler need not mind that weir cuts its connection."""
    try:
        handler(connection)
    except ssl.SSLError as e:
        if not is_cut(e):
            raise


class TlsFake(Fake):
    """A fake endpoint behind TLS. Handshakes that fail are kept in failures. A handler that returns closes without close_notify, unless
    it has called say_goodbye."""

    def __init__(self, pair, handler=answering(), client_authority=None, version=None, alpn=None):
        self.context = tell_cuts(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self.context.load_cert_chain(pair.certificate, pair.key)
        if client_authority:
            self.context.load_verify_locations(client_authority.file)
            self.context.verify_mode = ssl.CERT_REQUIRED
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        if alpn:
            self.context.set_alpn_protocols(list(alpn))
        self.server_names = []
        self.context.sni_callback = lambda sock, name, context: self.server_names.append(name)
        self.failures = []
        self.nr_resumed = 0
        self.client_subjects = []
        super().__init__(lambda c: handle(handler, c))

    @property
    def url(self):
        return super().url.replace("http://", "https://")

    def _serve(self, sock, number):
        try:
            sock = self.context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        except (ssl.SSLError, OSError) as e:
            self.failures.append(e)
            with contextlib.suppress(OSError):
                sock.close()
            return
        self.sockets.append(sock)
        self.nr_resumed += bool(sock.session_reused)
        self.client_subjects.append((sock.getpeercert() or {}).get("subject"))
        super()._serve(sock, number)
