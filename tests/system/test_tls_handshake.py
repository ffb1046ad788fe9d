"""Handshakes with clients: which certificate they get, what is refused, and that slow ones hold up nobody."""

import contextlib
import os
import ssl
import struct
import subprocess
import time

import pytest
from harness import places
from harness.certificates import Authority, openssl
from harness.client import Closed, Connection
from harness.places import scaled
from harness.tls import client_context
from harness.tls_weir import TlsWeir, rejected_handshakes, s_client
from harness.waiting import LIMIT_S, wait_until


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("shop", ["DNS:shop.test"])


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
