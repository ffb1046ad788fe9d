"""TLS towards clients: what they get, who they are, and that a cut never looks like an end."""

import contextlib
import json
import os
import signal
import ssl
import struct
import subprocess
import threading
import time

import pytest
from harness import certificates, places, tables
from harness.certificates import Authority, openssl
from harness.client import Closed, Connection
from harness.fake import answering
from harness.places import scaled
from harness.tls import TlsConnection, client_context
from harness.waiting import LIMIT_S, wait_until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
SUBJECT = "x-client-certificate-subject"

EOF_ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbeginning and end"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("shop", ["DNS:shop.test"])


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


@pytest.fixture
def start(world, pair, authority):
    """Starts weir with TLS before an endpoint."""

    def begin(place, settings=None, **tls):
        return TlsWeir(world, place, tls.pop("pair", pair), authority, settings, **tls)

    return begin


@pytest.fixture(scope="module")
def shared(shared_world, pair, authority):
    demo = shared_world.demo("1")
    tls = TlsWeir(shared_world, demo, pair, authority)
    tls.demo = demo
    return tls


def rejected_handshakes(weir):
    return weir.metrics().value("weir_rejected_requests_total", reason="tls_handshake")


# ---- Requests ----


@pytest.mark.fast
@pytest.mark.parametrize("version", VERSIONS)
def test_requests_pass_in_both_versions_of_tls(shared, version):
    with shared.connect(client_context(shared.authority, version)) as c:
        assert c.socket.version() == {VERSIONS[0]: "TLSv1.2", VERSIONS[1]: "TLSv1.3"}[version]
        assert c.socket.selected_alpn_protocol() == "http/1.1"
        for _ in range(3):
            c.send_request("POST", "/", body=b"x" * 1000)
            answer = c.read_answer("POST")
            assert answer.status == 200 and answer.complete
            assert answer.headers["x-amz-executed-version"] == "1"


@pytest.mark.fast
def test_curl_is_content(shared, authority):
    name = f"shop.test:{shared.weir.port}"
    done = subprocess.run(
        ["curl", "-sS", "--fail", "--max-time", str(LIMIT_S), "--cacert", authority.file, "--resolve", f"{name}:{places.ADDRESS}"]
        + ["-w", "%{ssl_verify_result} %{num_connects}\n", "-o", "/dev/null", f"https://{name}/a", "-o", "/dev/null", f"https://{name}/b"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["0 1", "0 0", ""]


def test_the_endpoint_is_told_of_https(world, start):
    fake = world.fake()
    tls = start(fake)
    assert tls.call().status == 200
    assert fake.requests[0].headers["x-forwarded-proto"] == "https"
    assert fake.requests[0].headers["x-forwarded-host"] == "weir.test"


def test_pipelined_requests_in_one_record_are_answered_in_order(shared):
    with shared.connect() as c:
        c.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: weir.test\r\n\r\n" % i for i in range(20)))
        for _ in range(20):
            assert c.read_answer().status == 200


def test_a_request_in_many_records_is_one_request(shared):
    with shared.connect() as c:
        for byte in b"POST /x HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 3\r\n\r\nabc":
            c.send(bytes([byte]))
        assert c.read_answer().status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_large_bodies_pass_both_ways(world, start, version):
    body = os.urandom(1 << 20) * 8

    def echo(c):
        while request := c.read_request():
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body)

    tls = start(world.fake(echo))
    with tls.connect(client_context(tls.authority, version), receive_buffer=65536) as c:
        c.send_request("POST", "/", body=body)
        answer = c.read_answer("POST")
        assert answer.complete and answer.body == body


# ---- Which certificate ----


@pytest.fixture(scope="module")
def many(shared_world, authority, pair):
    """weir with certificates for several names, one of them in two kinds."""
    others = {
        "wild": authority.issue("wild", ["DNS:*.wild.test"]),
        "both-ec": authority.issue("both-ec", ["DNS:both.test"]),
        "both-rsa": authority.issue("both-rsa", ["DNS:both.test"], kind="rsa"),
    }
    more = [p.settings() for p in others.values()]
    tls = TlsWeir(shared_world, shared_world.demo("1"), pair, authority, certificates=more)
    tls.pairs = {"shop": pair, **others}
    return tls


@pytest.mark.parametrize(
    "name, expected",
    [
        (None, "shop"),
        ("nobody.test", "shop"),
        ("shop.test", "shop"),
        ("SHOP.test", "shop"),
        ("a.wild.test", "wild"),
        ("b.a.wild.test", "shop"),
        ("both.test", "both-ec"),
    ],
)
def test_the_name_chooses_the_certificate(many, name, expected):
    with many.connect(client_context(), name) as c:
        assert c.certificate() == many.pairs[expected].der()


def s_client(port, *arguments, stdin=b""):
    """What openssl s_client prints of one connection."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{places.ADDRESS}:{port}", *arguments],
        input=stdin,
        capture_output=True,
        timeout=LIMIT_S,
    )
    return (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.parametrize(
    "version, sigalgs, expected",
    [
        ("-tls1_2", "ECDSA+SHA256", "both-ec"),
        ("-tls1_3", "ECDSA+SHA256", "both-ec"),
        ("-tls1_2", "RSA-PSS+SHA256:RSA+SHA256", "both-rsa"),
        ("-tls1_3", "RSA-PSS+SHA256:RSA+SHA256", "both-rsa"),
        # Who can do both decides by its order: of ciphers in TLS 1.2, of signature algorithms in TLS 1.3.
        ("-tls1_2", "RSA-PSS+SHA256:ECDSA+SHA256", "both-ec"),
        ("-tls1_3", "RSA-PSS+SHA256:ECDSA+SHA256", "both-rsa"),
        ("-tls1_3", "ECDSA+SHA256:RSA-PSS+SHA256", "both-ec"),
    ],
)
def test_the_clients_algorithms_choose_between_ecdsa_and_rsa(many, version, sigalgs, expected):
    said = s_client(many.weir.port, version, "-servername", "both.test", "-sigalgs", sigalgs)
    pem = said[said.index("-----BEGIN CERTIFICATE-----") :]
    pem = pem[: pem.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")]
    assert ssl.PEM_cert_to_DER_cert(pem) == many.pairs[expected].der()


# ---- What is refused ----


@pytest.mark.parametrize(
    "arguments, alert",
    [
        (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "alert protocol version"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"], "alert handshake failure"),
        (["-tls1_2", "-cipher", "AES128-GCM-SHA256"], "alert handshake failure"),
        (["-alpn", "h2"], "alert no application protocol"),
        (["-alpn", "h2,http/1.0"], "alert no application protocol"),
    ],
)
def test_what_is_old_or_unknown_is_refused_with_an_alert(shared, arguments, alert):
    before = rejected_handshakes(shared.weir)
    assert alert in s_client(shared.weir.port, *arguments)
    wait_until(lambda: rejected_handshakes(shared.weir) == before + 1, "the handshake is counted")


STRONG = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
}


def test_of_all_ciphers_only_those_with_forward_secrecy_and_authentication_are_spoken(many):
    ciphers = openssl("ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").strip().split(":")
    ciphers = [c for c in ciphers if not c.startswith("TLS_")]
    assert len(ciphers) > 40 and set(ciphers) > STRONG
    spoken = set()
    for cipher in ciphers:
        said = s_client(many.weir.port, "-tls1_2", "-servername", "both.test", "-cipher", f"{cipher}:@SECLEVEL=0")
        if f"Cipher is {cipher}" in said:
            spoken.add(cipher)
        else:
            assert "Cipher is (NONE)" in said
    assert spoken == STRONG


@pytest.mark.parametrize(
    "arguments, alert",
    [
        (["-tls1", "-cipher", "ALL:@SECLEVEL=0"], "protocol version"),
        (["-tls1_2", "-fallback_scsv"], "inappropriate fallback"),
        (["-tls1_2", "-sigalgs", "RSA+SHA1:ECDSA+SHA1", "-cipher", "ALL:@SECLEVEL=0"], "handshake failure"),
        (["-tls1_2", "-groups", "secp192r1", "-cipher", "ALL:@SECLEVEL=0"], "handshake failure"),
        # What the client saves by choosing such a field, the server pays (CVE-2002-20001).
        (["-tls1_3", "-groups", "ffdhe8192"], "handshake failure"),
    ],
)
def test_downgrades_and_weak_or_costly_parameters_are_refused(shared, arguments, alert):
    said = s_client(shared.weir.port, *arguments)
    assert f"alert {alert}" in said and "Cipher is (NONE)" in said


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384", "P-521", "X448"])
def test_elliptic_curves_are_spoken(shared, group):
    assert "Cipher is TLS_" in s_client(shared.weir.port, "-tls1_3", "-groups", group)


def test_ssl_3_is_refused_with_an_alert(shared):
    random, ciphers = os.urandom(32), bytes.fromhex("000a002f0035c02bc02f")
    body = b"\3\0" + random + b"\0" + struct.pack(">H", len(ciphers)) + ciphers + b"\1\0"
    message = b"\1" + struct.pack(">I", len(body))[1:] + body
    with Connection(shared.weir.port) as c:
        c.send(b"\x16\3\0" + struct.pack(">H", len(message)) + message)
        alert = c.read_exactly(7)
        assert alert[:1] == b"\x15" and alert[5] == 2, "a fatal alert"
        assert c.wait_for_end() == "closed"


def test_no_data_is_taken_before_the_handshake_ends(shared):
    """Early data can be replayed by whoever sees it (RFC 8446 section 8)."""
    said = s_client(shared.weir.port, "-tls1_3", "-ign_eof", stdin=b"GET / HTTP/1.1\r\nHost: weir.test\r\nConnection: close\r\n\r\n")
    assert "Max Early Data: 0" in said and "HTTP/1.1 200" in said


def test_neither_compression_nor_renegotiation(shared):
    said = s_client(shared.weir.port, "-tls1_2", "-legacy_renegotiation", "-comp")
    assert "Compression: NONE" in said
    assert "Secure Renegotiation IS supported" in said
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{places.ADDRESS}:{shared.weir.port}", "-tls1_2"],
        input=b"R\nx\n",
        capture_output=True,
        timeout=LIMIT_S,
    )
    assert b"no renegotiation" in done.stderr, done.stderr


def test_the_oldest_version_is_a_setting(world, start):
    tls = start(world.fake(), min_version="1.3")
    assert tls.call().status == 200
    assert "alert protocol version" in s_client(tls.weir.port, "-tls1_2")


def test_plain_http_on_a_tls_port_gets_nothing(shared):
    before = rejected_handshakes(shared.weir)
    with Connection(shared.weir.port) as c:
        c.send_request()
        with pytest.raises(Closed):
            c.read_answer()
    wait_until(lambda: rejected_handshakes(shared.weir) == before + 1, "the handshake is counted")


def client_hello(port):
    """The first flight of a client, which nobody answers."""
    out = ssl.MemoryBIO()
    handshake = client_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="shop.test")
    with pytest.raises(ssl.SSLWantReadError):
        handshake.do_handshake()
    return out.read()


@pytest.mark.parametrize("part", [0, 1, 5, 50, None], ids=["nothing", "a byte", "a record's head", "half a hello", "a hello"])
def test_a_handshake_that_stands_still_is_closed_and_counted(world, start, part):
    tls = start(world.fake(), {"timeouts": {"tls_handshake_ms": 50}})
    with Connection(tls.weir.port) as c:
        c.send(client_hello(tls.weir.port)[:part])
        while c._fill():
            pass
    tls.weir.expect_metric(1, "weir_rejected_requests_total", reason="tls_handshake")
    with contextlib.suppress(ssl.SSLError, ConnectionError):  # within 50 ms too, unless the machine is slow
        assert tls.call().status == 200


def test_a_handshake_that_crawls_has_no_more_time_than_one_that_stands(world, start):
    tls = start(world.fake(), {"timeouts": {"tls_handshake_ms": 300}})
    hello = client_hello(tls.weir.port)
    begin = time.monotonic()
    with Connection(tls.weir.port) as c:
        try:
            for byte in hello:
                c.send(bytes([byte]))
                time.sleep(0.02)
            c.wait_for_end()
        except ConnectionError:
            pass
    assert 0.3 <= time.monotonic() - begin < 0.02 * len(hello), "the time limit is for the whole"
    tls.weir.expect_metric(1, "weir_rejected_requests_total", reason="tls_handshake")


def test_a_flood_of_half_handshakes_stops_nobody(world, start):
    n = scaled(500, 100)
    tls = start(world.fake(), {"timeouts": {"tls_handshake_ms": LIMIT_S * 500}})
    hello = client_hello(tls.weir.port)
    flood = [Connection(tls.weir.port) for _ in range(n)]
    for i, c in enumerate(flood):
        c.send(hello[: i % len(hello)])
    with tls.connect() as c:
        for _ in range(20):
            assert tls.call().status == 200  # a new connection
            c.send_request()
            assert c.read_answer().status == 200
    assert tls.weir.metrics().value("weir_client_connections") >= n
    for c in flood:
        c.close()
    tls.weir.expect_metric(0, "weir_client_connections")


def test_half_handshakes_count_as_connections(world, start):
    tls = start(world.fake(), {"limits": {"connections_per_address": 3}})
    half = [Connection(tls.weir.port) for _ in range(3)]
    tls.weir.expect_metric(3, "weir_client_connections")
    with Connection(tls.weir.port) as c:
        assert c.wait_for_end() == "closed"
    tls.weir.expect_metric(1, "weir_rejected_requests_total", reason="connections")
    for c in half:
        c.close()
    tls.weir.expect_metric(0, "weir_client_connections")
    assert tls.call().status == 200


def test_handshakes_that_never_end_do_not_keep_weir_from_ending(world, start):
    tls = start(world.fake(), {"timeouts": {"tls_handshake_ms": 3600000, "drain_ms": 3600000}})
    with Connection(tls.weir.port) as c, tls.connect() as idle:
        c.send(b"\x16\x03\x01")
        idle.send_request()
        idle.read_answer()
        tls.weir.stop()
        assert idle.wait_for_end() == "closed"


# ---- Sessions ----


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


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_resumed_by_all_workers_and_after_reloads(world, start, version):
    tls = start(world.fake(), workers=4)
    context = client_context(tls.authority, version)
    sessions = [resumable_session(tls, context) for _ in range(12)]
    assert all(is_resumed(tls, context, s) for s in sessions[:8])
    assert tls.weir.reload().status == 200
    assert all(is_resumed(tls, context, s) for s in sessions[8:10])
    # Also by a server made anew, as changed settings make it.
    assert tls.change_settings(lambda s: s.update(tls={"ticket_rotation_s": 7200})).status == 200
    assert all(is_resumed(tls, context, s) for s in sessions[10:])


def test_a_thousand_resumptions_in_a_row_leave_nothing_behind(world, start):
    tls = start(world.fake())
    context = client_context(tls.authority)
    session = resumable_session(tls, context)

    def resume(n):
        nonlocal session
        for _ in range(n):
            with tls.connect(context, session=session) as c:
                c.send_request()
                assert c.read_answer().status == 200
                assert c.is_resumed
                session = c.socket.session  # with TLS 1.3 each ticket is used once
                c.say_goodbye()

    resume(scaled(200, 50))
    tls.weir.expect_metric(0, "weir_client_connections")
    descriptors, memory = tls.weir.nr_descriptors(), tls.weir.rss_kib()
    resume(scaled(1000, 100))
    tls.weir.expect_metric(0, "weir_client_connections")
    assert tls.weir.nr_descriptors() <= descriptors
    assert places.SANITIZER or tls.weir.rss_kib() - memory < 1024
    assert rejected_handshakes(tls.weir) == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_restart_ends_sessions_and_their_clients_begin_anew(world, start, version):
    first, second = start(world.fake()), start(world.fake())
    context = client_context(first.authority, version)
    session = resumable_session(first, context)
    assert not is_resumed(second, context, session)


def test_an_idle_connection_takes_little_memory(world, start):
    n = scaled(500, 50)
    tls = start(world.fake(), workers=1)

    def open_some():
        out = []
        for _ in range(n):
            c = tls.connect()
            c.send_request()
            assert c.read_answer().status == 200
            out.append(c)
        return out

    for c in open_some():  # what is kept for reuse is there from now on
        c.close()
    tls.weir.expect_metric(0, "weir_client_connections")
    before = tls.weir.rss_kib()
    connections = open_some()
    assert places.SANITIZER or (tls.weir.rss_kib() - before) / n < 48, "KiB a connection"
    for c in connections:
        c.close()


# ---- Client certificates ----


@pytest.fixture(scope="module")
def clients(authority, tmp_path_factory):
    other = Authority(tmp_path_factory.mktemp("other"), "other")
    return {
        "alice": authority.issue("alice", usage="clientAuth", subject="/O=Weir, Inc./CN=alice"),
        "mallory": other.issue("mallory"),
        "server": authority.issue("server-only", usage="serverAuth"),
    }


def call_as(tls, certificate=None, headers=(), version=None):
    with tls.connect(client_context(tls.authority, version, certificate)) as c:
        c.send_request(headers=headers)
        return c.read_answer()


@pytest.mark.fast
@pytest.mark.parametrize("version", VERSIONS)
def test_the_endpoint_is_told_who_the_client_is(world, start, clients, authority, version):
    fake = world.fake()
    tls = start(fake, client_ca=str(authority.file))
    assert call_as(tls, clients["alice"], [(SUBJECT, "CN=admin")], version).status == 200
    assert fake.requests[-1].headers.all(SUBJECT) == ["CN=alice,O=Weir\\, Inc."]
    assert call_as(tls, None, [(SUBJECT, "CN=admin")], version).status == 200
    assert fake.requests[-1].headers.all(SUBJECT) == []


def test_a_plain_client_cannot_pretend_to_have_a_certificate(world, start, authority):
    fake = world.fake()
    tls = start(fake, client_ca=str(authority.file))
    with Connection(tls.plain_port) as c:
        c.send_request(headers=[(SUBJECT, "CN=admin"), (SUBJECT.upper(), "CN=admin")])
        assert c.read_answer().status == 200
    assert fake.requests[-1].headers.all(SUBJECT) == []


def test_the_subject_goes_where_the_settings_say(world, start, clients, authority):
    fake = world.fake()
    tls = start(fake, {"forwarded": {"client_certificate_header": "x-who"}}, client_ca=str(authority.file))
    assert call_as(tls, clients["alice"], [("X-Who", "CN=admin")]).status == 200
    assert fake.requests[-1].headers.all("x-who") == ["CN=alice,O=Weir\\, Inc."]
    assert tls.change_settings(lambda s: s.update(forwarded={"client_certificate_header": ""})).status == 200
    assert call_as(tls, clients["alice"]).status == 200
    assert "CN=alice" not in repr(fake.requests[-1].headers)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("who, alert", [(None, "required|handshake failure"), ("mallory", "unknown ca"), ("server", "unsupported cert")])
def test_clients_without_a_good_certificate_are_refused(world, start, clients, authority, version, who, alert):
    fake = world.fake()
    tls = start(fake, client_ca=str(authority.file), client_required=True)
    with pytest.raises(ssl.SSLError, match=f"(?i){alert}"):
        call_as(tls, clients.get(who), version=version)
    assert fake.requests == []
    assert call_as(tls, clients["alice"], version=version).status == 200
    tls.weir.expect_metric(1, "weir_rejected_requests_total", reason="tls_handshake")


def test_sessions_do_not_outlive_the_trust_in_the_client(world, start, clients, authority):
    fake = world.fake()
    tls = start(fake, client_ca=str(authority.file), client_required=True)
    context = client_context(authority, certificate=clients["alice"])
    sessions = [resumable_session(tls, context) for _ in range(2)]
    assert is_resumed(tls, context, sessions[0])
    assert fake.requests[-1].headers.all(SUBJECT) == ["CN=alice,O=Weir\\, Inc."]
    other = clients["mallory"].certificate.parent / "other.pem"
    assert tls.change_settings(lambda s: s["listeners"][0]["tls"].update(client_ca=str(other))).status == 200
    nr_requests = len(fake.requests)
    with pytest.raises(ssl.SSLError, match="(?i)unknown ca"):
        is_resumed(tls, context, sessions[1])
    assert len(fake.requests) == nr_requests


# ---- New certificates in a running weir ----


@pytest.fixture
def renewable(tmp_path, authority):
    """A pair whose files the test may write over, and others for them."""
    folder = tmp_path / "renewable"
    folder.mkdir()
    pairs = [authority.issue(f"renewed-{i}", ["DNS:shop.test"], kind) for i, kind in enumerate(["ec", "ec", "rsa"])]
    live = certificates.Pair(folder / "live.pem", folder / "live.key")
    live.become(pairs[0])
    return live, pairs


def certificate_now(tls):
    with tls.connect() as c:
        return c.certificate()


@pytest.mark.fast
def test_a_new_certificate_is_in_force_after_sighup(world, start, renewable):
    live, pairs = renewable
    tls = start(world.demo("1"), pair=live)
    with tls.connect() as old:
        for new in pairs[1:] + pairs[:1]:
            live.become(new)
            tls.weir.signal(signal.SIGHUP)
            wait_until(lambda: certificate_now(tls) == new.der(), "the new certificate is in force")  # noqa: B023
            old.send_request()  # connections go on
            assert old.read_answer().status == 200


@pytest.mark.parametrize("fault", ["other key", "no key", "no certificate", "missing"])
def test_a_bad_certificate_leaves_the_old_in_force_and_is_reported(world, start, renewable, fault):
    live, pairs = renewable
    tls = start(world.demo("1"), pair=live)
    tls.weir.allow_error("reload rejected")
    if fault == "other key":
        live.key.write_bytes(pairs[1].key.read_bytes())
        path, words = "tls.key", "not the key of this certificate"
    elif fault == "no key":
        live.key.write_text("")
        path, words = "tls.key", "has no private key in it"
    elif fault == "no certificate":
        live.certificate.write_text("not a certificate\n")
        path, words = "tls.certificate", "has no certificate in it"
    else:
        live.certificate.unlink()
        path, words = "tls.certificate", "there is no such file"
    answer = tls.weir.reload()
    assert answer.status == 400
    assert f"$.listeners[0].{path}" in answer.body.decode() and words in answer.body.decode()
    assert certificate_now(tls) == pairs[0].der()
    tls.weir.expect_metric(1, "weir_table_reloads_total", result="rejected")
    tls.weir.signal(signal.SIGHUP)
    tls.weir.expect_metric(2, "weir_table_reloads_total", result="rejected")
    assert words in tls.weir.stderr()
    live.become(pairs[2])
    assert tls.weir.reload().status == 200
    assert certificate_now(tls) == pairs[2].der()


def test_reloads_under_load_fail_no_handshake(world, start, renewable):
    live, pairs = renewable
    tls = start(world.demo("1"), pair=live, workers=4)
    for i in range(30):
        live.become(pairs[i % 3])
        assert tls.weir.reload().status == 200
        for _ in range(3):
            assert tls.call().status == 200
        assert certificate_now(tls) == pairs[i % 3].der()


def test_certificates_change_under_load_without_a_failure(world, start, renewable):
    """Threads with new, resumed and kept connections while the certificate changes again and again."""
    live, pairs = renewable
    tls = start(world.fake(), pair=live, workers=2)
    done, trouble, counts = threading.Event(), [], {}

    def run(kind):
        context = client_context(tls.authority)
        session, kept, n = None, None, 0
        try:
            while not done.is_set():
                if kind == "kept":
                    kept = kept or tls.connect(context)
                    kept.send_request("POST", body=b"k" * 5000)
                    assert kept.read_answer("POST").status == 200
                else:
                    with tls.connect(context, session=session) as c:
                        c.send_request()
                        assert c.read_answer().status == 200
                        session = c.socket.session if kind == "resumed" else None
                        c.say_goodbye()
                n += 1
        except Exception as e:
            trouble.append((kind, e))
        finally:
            if kept:
                kept.close()
        counts[kind] = n

    threads = [threading.Thread(target=run, args=(kind,)) for kind in ("new", "resumed", "kept")]
    for t in threads:
        t.start()
    for i in range(scaled(60, 15)):
        live.become(pairs[i % 3])
        assert tls.weir.reload().status == 200
        assert certificate_now(tls) == pairs[i % 3].der()
    done.set()
    for t in threads:
        t.join()
    assert not trouble and all(n > 10 for n in counts.values()), (trouble, counts)
    assert rejected_handshakes(tls.weir) == 0


@pytest.mark.parametrize("command", ["check", "run"])
def test_bad_certificates_are_told_before_anything_runs(tmp_path, world, pair, command):
    settings = {
        "listeners": [
            {"address": f"{places.ADDRESS}:{places.free_port()}", "tls": {**pair.settings(), "key": str(pair.certificate)}},
            {
                "address": f"{places.ADDRESS}:{places.free_port()}",
                "tls": {**pair.settings(), "certificates": [{"certificate": "none.pem", "key": str(pair.key)}], "client_ca": str(pair.key)},
            },
        ]
    }
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    (tmp_path / "table.json").write_text(json.dumps(tables.one(world.demo("1"))))
    done = subprocess.run(
        [places.WEIR, command, "--settings", tmp_path / "settings.json", "--table", tmp_path / "table.json"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "$.listeners[0].tls.key: " in said and "has no private key in it" in said
    assert "$.listeners[1].tls.certificates[0].certificate: none.pem: there is no such file" in said
    assert "$.listeners[1].tls.client_ca: " in said


# ---- HSTS and redirect ----


@pytest.mark.fast
def test_hsts_is_on_every_answer_over_tls_and_on_no_other(world, start):
    fake = world.fake(answering(b"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nContent-Length: 0\r\n\r\n"))
    tls = start(fake, hsts_max_age_s=31536000)
    hsts = "strict-transport-security"
    assert tls.call().headers.all(hsts) == ["max-age=31536000"]
    missing = tls.call("POST", "/2015-03-31/functions/nobody/invocations", body=b"{}")
    assert missing.status == 404 and missing.headers.all(hsts) == ["max-age=31536000"]
    with tls.connect() as c:
        c.send(b"nonsense\r\n\r\n")
        assert c.read_answer().headers.all(hsts) == ["max-age=31536000"]
    with Connection(tls.plain_port) as c:
        c.send_request("POST", "/2015-03-31/functions/nobody/invocations", body=b"{}")
        assert hsts not in c.read_answer("POST").headers


def test_hsts_and_redirects_change_with_a_reload(world, start):
    tls = start(world.fake(), plain={"redirect_to_https": True, "redirect_port": 8443}, hsts_max_age_s=60)
    for age, port, shown in ((120, 9443, ":9443"), (0, 443, "")):

        def change(settings):
            settings["listeners"][0]["tls"]["hsts_max_age_s"] = age  # noqa: B023
            settings["listeners"][1]["redirect_port"] = port  # noqa: B023

        assert tls.change_settings(change).status == 200
        for _ in range(8):  # whichever worker it is
            assert tls.call().headers.all("strict-transport-security") == ([f"max-age={age}"] if age else [])
            with Connection(tls.plain_port) as c:
                c.send_request(host="shop.test")
                assert c.read_answer().headers["location"] == f"https://shop.test{shown}/"


@pytest.mark.parametrize("port, shown", [(443, ""), (8443, ":8443")])
def test_a_plain_listener_can_send_everybody_to_https(world, start, port, shown):
    fake = world.fake()
    tls = start(fake, plain={"redirect_to_https": True, "redirect_port": port})
    with Connection(tls.plain_port) as c:
        c.send_request("GET", "/a/b?c=d", host="shop.test:8080")
        answer = c.read_answer()
        assert answer.status == 308 and answer.headers["location"] == f"https://shop.test{shown}/a/b?c=d"
        c.send_request("POST", "/", body=b"x" * 100, host="shop.test")
        answer = c.read_answer("POST")
        assert answer.status == 308 and answer.headers["location"] == f"https://shop.test{shown}/"
    assert fake.requests == []


# ---- Ends and cuts ----


def raw_body(c, n):
    """What of a request's body arrives before the connection ends."""
    body = c.buffer
    while len(body) < n:
        data = c.socket.recv(65536)
        if not data:
            break
        body += data
    return body


def test_what_runs_is_finished_before_weir_ends(world, start):
    go_on = threading.Event()

    def handler(c):
        c.read_request()
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        assert go_on.wait(LIMIT_S)
        c.send(b"full")

    tls = start(world.fake(handler))
    with tls.connect() as c:
        c.send_request()
        answer = c.read_final_head()
        tls.weir.signal(signal.SIGTERM)
        wait_until(lambda: "draining" in tls.weir.stderr(), "weir drains")
        go_on.set()
        c.read_content(answer)
        assert answer.complete and answer.body == b"halffull"
        assert c.wait_for_end() == "closed"
    assert tls.weir.wait() == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("framing", [("Content-Length", "1000"), ("Transfer-Encoding", "chunked")], ids=["length", "chunked"])
def test_a_request_that_is_cut_does_not_reach_the_endpoint_whole(world, start, version, framing):
    seen = []

    def handler(c):
        c.read_head()
        try:
            seen.append(raw_body(c, 1000))
        except ConnectionError:
            seen.append(b"reset")

    tls = start(world.fake(handler))
    for is_announced in (False, True):
        with tls.connect(client_context(tls.authority, version)) as c:
            c.send_request("POST", "/", headers=[framing])
            c.send(b"1f4\r\n" + b"x" * 500 + b"\r\n")
            if is_announced:
                c.say_goodbye()
        wait_until(lambda: len(seen) == 1 + is_announced, "the endpoint sees the end")  # noqa: B023
        assert len(seen[-1]) < 1000 and b"\r\n0\r\n" not in seen[-1]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf",
    ],
    ids=["length", "chunked", "close"],
)
@pytest.mark.parametrize("http", ["1.0", "1.1"])
def test_an_answer_that_is_cut_does_not_look_whole(world, start, version, beginning, http):
    def handler(c):
        c.read_request()
        c.send(beginning)
        wait_until(lambda: got, "the client has the beginning")
        c.reset()

    got = []
    tls = start(world.fake(handler))
    with tls.connect(client_context(tls.authority, version)) as c:
        c.send_request(version=http)
        answer = c.read_final_head()
        got.append(c.read_until(b"half"))
        assert got[0] is not None
        c._choose_framing(answer, "GET")
        if answer.framing == "chunked":
            assert c.read_until(b"\r\n0\r\n") is None
        else:
            assert c.read_exactly(1000) is None
        assert c.end in ("cut", "reset"), "the end was announced"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("http", ["1.0", "1.1"])
def test_a_whole_answer_ends_with_a_farewell(world, start, version, http):
    def handler(c):
        c.read_request()
        c.send(EOF_ANSWER)

    tls = start(world.fake(handler))
    with tls.connect(client_context(tls.authority, version)) as c:
        c.send_request(version=http, headers=[("Connection", "close")])
        answer = c.read_answer()
        assert answer.complete and answer.body == b"beginning and end"
        assert c.wait_for_end() == "closed"


@pytest.mark.parametrize("request_bytes", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"])
def test_a_refusal_ends_with_a_farewell(shared, request_bytes):
    with shared.connect() as c:
        c.send(request_bytes)
        assert c.read_answer().status == 400
        assert c.wait_for_end() == "closed"


def test_idle_connections_end_with_a_farewell(world, start):
    tls = start(world.fake(), {"timeouts": {"client_idle_ms": 50}})
    with tls.connect() as c:
        c.send_request()
        assert c.read_answer().status == 200
        assert c.wait_for_end() == "closed"


def test_upgraded_connections_pass_bytes_both_ways(world, start):
    def handler(c):
        request = c.read_request()
        assert request.headers["upgrade"] == "echo"
        c.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        while data := c.socket.recv(65536):
            c.send(data)

    tls = start(world.fake(handler))
    with tls.connect() as c:
        c.send_request(headers=[("Upgrade", "echo"), ("Connection", "Upgrade")])
        assert c.read_head().status == 101
        for size in (1, 1000, 100000):
            c.send(b"y" * size)
            assert c.read_exactly(size) == b"y" * size
