"""weir with a TLS listener, and what tests ask of it."""

import json
import subprocess

from . import places, tables
from .tls import TlsConnection, client_context
from .waiting import LIMIT_S


class TlsWeir:
    """weir with a TLS listener (and a plain one), and clients for it."""

    def __init__(self, world, place, pair, authority, settings=None, workers=2, plain=None, **tls):
        port, self.plain_port = places.free_port(), places.free_port()
        listeners = [
            {"address": f"{places.ADDRESS}:{port}", "tls": {**pair.settings(), **tls}},
            {"address": f"{places.ADDRESS}:{self.plain_port}", **(plain or {})},
        ]
        self.authority = authority
        self.context = client_context(authority)
        self.weir = world.weir(tables.one(place), {"listeners": listeners, **(settings or {})}, workers=workers)
        self.weir.port = port

    def connect(self, context=None, server_name="shop.test", **more):
        return TlsConnection(self.weir.port, context or self.context, server_name, **more)

    def call(self, method="GET", target="/", **more):
        with self.connect() as c:
            c.send_request(method, target, **more)
            return c.read_answer(method)

    def change_settings(self, change):
        """Writes the settings after change(settings), and reloads by POST; the answer."""
        change(self.weir.settings)
        self.weir.settings_path.write_text(json.dumps(self.weir.settings))
        return self.weir.reload()


def rejected_handshakes(weir):
    return weir.metrics().value("weir_rejected_requests_total", reason="tls_handshake")


def s_client(port, *arguments, stdin=b""):
    """What openssl s_client prints of one connection."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{places.ADDRESS}:{port}", *arguments],
        input=stdin,
        capture_output=True,
        timeout=LIMIT_S,
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def resumable_session(tls, context):
    """A session; with TLS 1.3 it comes after the handshake."""
    with tls.connect(context) as c:
        assert not c.is_resumed
        c.send_request()
        assert c.read_answer().status == 200
        session = c.socket.session
        c.say_goodbye()
        return session


def is_resumed(tls, context, session):
    with tls.connect(context, session=session) as c:
        c.send_request()
        assert c.read_answer().status == 200
        is_resumed = c.is_resumed
        c.say_goodbye()
        return is_resumed
