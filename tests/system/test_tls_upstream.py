"""TLS towards endpoints: whom weir believes, what it shows of itself, and that a cut answer never looks whole to the client."""

import os
import shutil
import ssl
import time

import pytest
from harness import certificates, tables
from harness.certificates import Authority
from harness.client import Connection
from harness.fake import OK, answering
from harness.places import ADDRESS, SANITIZER, scaled
from harness.tls import TlsConnection, TlsFake, client_context, say_goodbye
from harness.waiting import LIMIT_S, wait_until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
NAMES = [f"IP:{ADDRESS}", "DNS:endpoint.test", "DNS:localhost"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("endpoint", NAMES)


@pytest.fixture
def fake(world, pair):
    """Starts an endpoint."""

    def begin(handler=answering(), pair=pair, **more):
        return world.keep(TlsFake(pair, handler, **more))

    return begin


@pytest.fixture
def start(world, authority):
    """Starts weir before an endpoint that it trusts; tls: the version's, None for a trusted authority only."""

    def begin(place, tls=None, settings=None, workers=1, **version):
        tls = {"ca_file": str(authority.file)} if tls is None else tls
        return world.weir(tables.one(place, **({"tls": tls} if tls else {}), **version), settings, workers=workers)

    return begin


def expect_refused(weir, words, nr=1):
    answer = weir.call()
    assert answer.status == 502 and answer.complete
    weir.expect_metric(nr, "weir_errors_total", reason="tls")
    weir.wait_for_words(words)


# ---- Exchanges ----


@pytest.mark.fast
@pytest.mark.parametrize("version", VERSIONS)
def test_requests_reach_an_https_endpoint_over_one_connection(fake, start, version):
    endpoint = fake(version=version, alpn=["http/1.1"])
    weir = start(endpoint)
    with weir.connect() as c:
        for _ in range(5):
            c.send_request("POST", body=b"x" * 1000)
            answer = c.read_answer("POST")
            assert answer.status == 200 and answer.complete
    assert endpoint.nr_connections == 1 and not endpoint.failures
    assert [r.body for r in endpoint.requests] == [b"x" * 1000] * 5


@pytest.mark.parametrize("version", VERSIONS)
def test_a_new_connection_resumes_the_last_session(fake, start, version):
    def once(c):
        c.read_request()
        c.send(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        say_goodbye(c)

    endpoint = fake(once, version=version)
    weir = start(endpoint)
    for _ in range(5):
        assert weir.call().status == 200
    assert endpoint.nr_connections == 5 and endpoint.nr_resumed == 4


@pytest.mark.parametrize("version", VERSIONS)
def test_large_bodies_pass_both_ways(fake, start, version):
    body = os.urandom(1 << 20) * scaled(16, 4)

    def echo(c):
        while request := c.read_request():
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body)

    weir = start(fake(echo, version=version))
    with weir.connect(receive_buffer=65536) as c:
        for _ in range(2):
            c.send_request("POST", body=body)
            answer = c.read_answer("POST")
            assert answer.complete and answer.body == body


def test_an_endpoint_that_does_not_read_stops_the_client_and_costs_no_memory(fake, start):
    go_on = []
    total = 64 << 20

    def handler(c):
        c.read_head()
        wait_until(lambda: go_on, "the endpoint may read")
        n = len(c.buffer)
        while n < total:
            n += len(c.socket.recv(1 << 20))
        c.send(OK)

    weir = start(fake(handler))
    before = weir.rss_kib()
    with weir.connect() as c:
        c.send_request("POST", headers=[("Content-Length", str(total))])
        c.socket.settimeout(0)
        sent, still_since = 0, time.monotonic()
        while time.monotonic() - still_since < 0.5:
            try:
                sent += c.socket.send(b"u" * min(1 << 20, total - sent))
                still_since = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < total / 2, "the client was stopped"
        assert SANITIZER or weir.rss_kib() - before < 4096
        go_on.append(True)
        c.socket.settimeout(LIMIT_S)
        while sent < total:
            sent += c.socket.send(b"u" * min(1 << 20, total - sent))
        assert c.read_answer("POST").status == 200


def test_a_client_that_does_not_read_stops_the_endpoint_and_costs_no_memory(fake, start, authority, pair, world):
    sent = []
    piece, nr = b"d" * (1 << 20), 64

    def handler(c):
        c.read_request()
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(piece) * nr))
        for _ in range(nr):
            c.send(piece)
            sent.append(True)

    weir = start(fake(handler), settings={"listeners": [{"address": f"{ADDRESS}:0", "tls": pair.settings()}]})
    weir.wait_for_words("https://")
    weir.port = int(next(line for line in weir.stderr().split() if line.startswith("https://")).rpartition(":")[2])
    before = weir.rss_kib()
    with TlsConnection(weir.port, client_context(authority), "endpoint.test", receive_buffer=65536) as c:
        c.send_request()
        answer = c.read_final_head()
        wait_until(lambda: sent, "the endpoint has sent something")
        n = -1
        while n != len(sent):
            n = len(sent)
            time.sleep(0.3)
        assert n < nr / 2, "the endpoint was stopped"
        assert SANITIZER or weir.rss_kib() - before < 4096
        c.read_content(answer)
        assert answer.complete and len(answer.body) == len(piece) * nr


def test_upgraded_connections_pass_bytes_both_ways(fake, start):
    def handler(c):
        assert c.read_request().headers["upgrade"] == "websocket"
        c.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := c.socket.recv(65536):
            c.send(data)

    weir = start(fake(handler))
    with weir.connect() as c:
        c.send_request(headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")])
        assert c.read_head().status == 101
        for size in (1, 1000, 100000):
            c.send(b"y" * size)
            assert c.read_exactly(size) == b"y" * size


def test_an_idle_connection_that_the_endpoint_has_ended_is_not_used(fake, start):
    def two(c):
        c.read_request()
        c.send(OK)
        if c.number % 2:
            say_goodbye(c)

    endpoint = fake(two)
    weir = start(endpoint)
    for _ in range(6):
        assert weir.call().status == 200
        wait_until(lambda: weir.metrics().value("weir_upstream_connections") == 0, "the end is seen")
    assert endpoint.nr_connections == 6


# ---- Whom weir believes ----


def test_an_endpoint_is_verified_unless_the_table_says_otherwise(fake, start):
    endpoint = fake()
    weir = start(endpoint, tls={})
    expect_refused(weir, "the peer's certificate is not trusted: unable to get local issuer certificate")
    assert endpoint.requests == []
    weir.must_reload(tables.one(endpoint, tls={"verify": False}))
    assert weir.call().status == 200


def test_an_endpoint_with_another_authoritys_certificate_is_refused(fake, start, tmp_path):
    endpoint = fake(pair=Authority(tmp_path / "other", "other").issue("endpoint", NAMES))
    expect_refused(start(endpoint), "is not trusted")
    assert endpoint.requests == []


@pytest.mark.parametrize("names", [["IP:127.1.2.3"], ["DNS:endpoint.test"], [f"DNS:{ADDRESS}"], []])
def test_an_address_must_be_in_the_certificate(fake, start, authority, names):
    endpoint = fake(pair=authority.issue("wrong", names, subject=f"/CN={ADDRESS}"))
    expect_refused(start(endpoint), ADDRESS)
    assert endpoint.requests == []


@pytest.mark.parametrize("names, is_good", [(["DNS:localhost"], True), (["DNS:LOCALHOST"], True), (["DNS:*.localhost"], False), ([], False)])
def test_a_name_must_be_in_the_certificate(world, authority, start, names, is_good):
    pair = authority.issue("named", names, subject="/CN=localhost")
    endpoint = world.keep(TlsFake(pair))
    weir = start(endpoint, tls={"ca_file": str(authority.file), "server_name": "localhost"})
    if is_good:
        assert weir.call().status == 200
    else:
        expect_refused(weir, "localhost")


@pytest.mark.parametrize("days, words", [("-1", "expired")])
def test_an_expired_certificate_is_refused(fake, start, authority, days, words, tmp_path):
    key, csr, pem = tmp_path / "old.key", tmp_path / "old.csr", tmp_path / "old.pem"
    extensions = tmp_path / "extensions"
    extensions.write_text(f"subjectAltName={','.join(NAMES)}\n")
    certificates.openssl("req", "-new", "-nodes", "-config", "/dev/null", "-subj", "/CN=old", *certificates.KINDS["ec"], "-keyout", key, "-out", csr)
    certificates.openssl(
        *("x509", "-req", "-in", csr, "-CA", authority.file, "-CAkey", authority.pair.key, "-set_serial", 1),
        *("-days", days, "-extfile", extensions, "-out", pem),
    )
    endpoint = fake(pair=certificates.Pair(pem, key))
    expect_refused(start(endpoint), words)
    assert endpoint.requests == []


@pytest.mark.parametrize("server_name, shown", [(None, None), ("endpoint.test", "endpoint.test")])
def test_names_are_shown_to_the_endpoint_and_addresses_are_not(fake, start, authority, server_name, shown):
    endpoint = fake()
    tls = {"ca_file": str(authority.file), **({"server_name": server_name} if server_name else {})}
    assert start(endpoint, tls=tls).call().status == 200
    assert endpoint.server_names == [shown]


def test_a_client_only_certificate_is_no_endpoints(fake, start, authority):
    endpoint = fake(pair=authority.issue("client-only", NAMES, usage="clientAuth"))
    expect_refused(start(endpoint), "is not trusted")


def test_the_authority_may_change_with_a_reload_and_a_bad_file_changes_nothing(fake, start, authority, pair, tmp_path):
    other = Authority(tmp_path / "other", "other")
    file = tmp_path / "live-ca.pem"
    shutil.copy(authority.file, file)
    endpoint = fake(answering(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)))
    weir = start(endpoint, tls={"ca_file": str(file)}, workers=2)
    assert weir.call().status == 200
    shutil.copy(other.file, file)
    assert weir.reload().status == 200
    expect_refused(weir, "is not trusted")
    shutil.copy(authority.file, file)
    assert weir.reload().status == 200
    assert weir.call().status == 200
    file.write_text("not a certificate\n")
    weir.reload()
    for _ in range(4):
        assert weir.call().status == 200
    weir.wait_for_words("has no certificate in it")


def test_a_new_authority_is_noticed(fake, start, authority, tmp_path):
    """Also where the API brought the function in: the files to follow change with the table."""
    other = Authority(tmp_path / "other", "other")
    file = tmp_path / "live-ca.pem"
    shutil.copy(authority.file, file)
    endpoint = fake(answering(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)))
    weir = start(endpoint, tls={"ca_file": str(file)}, workers=2)
    assert weir.call().status == 200
    shutil.copy(other.file, file)
    wait_until(lambda: weir.call().status == 502, "the endpoint's certificate is of an authority no longer trusted")
    shutil.copy(authority.file, file)
    wait_until(lambda: weir.call().status == 200, "it is trusted again")


# ---- What weir shows of itself ----


@pytest.mark.fast
@pytest.mark.parametrize("version", VERSIONS)
def test_the_client_certificate_is_shown_to_an_endpoint_that_asks(fake, start, authority, version):
    mine = authority.issue("weir", usage="clientAuth", subject="/O=Weir/CN=edge")
    endpoint = fake(client_authority=authority, version=version)
    tls = {"ca_file": str(authority.file), **mine.settings()}
    assert start(endpoint, tls=tls).call().status == 200
    assert endpoint.client_subjects == [((("organizationName", "Weir"),), (("commonName", "edge"),))]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_endpoint_that_wants_a_client_certificate_and_gets_none_is_502(fake, start, authority, version):
    endpoint = fake(client_authority=authority, version=version)
    weir = start(endpoint)
    assert weir.call().status == 502
    assert endpoint.requests == []


# ---- Endpoints that do not speak as they should ----


def test_an_endpoint_that_speaks_only_old_tls_is_refused(fake, start):
    endpoint = fake()
    endpoint.context.minimum_version = endpoint.context.maximum_version = ssl.TLSVersion.TLSv1_1
    endpoint.context.set_ciphers("ALL:@SECLEVEL=0")
    weir = start(endpoint)
    assert weir.call().status == 502
    weir.expect_metric(1, "weir_errors_total", reason="tls")


def test_an_endpoint_that_chooses_no_protocol_is_spoken_to_in_http_1(fake, start):
    assert start(fake(alpn=["h2"])).call().status == 200  # Python's server goes on where none is shared


def test_a_plain_endpoint_behind_https_is_502(world, start):
    def handler(c):
        c.socket.recv(65536)
        c.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        c.wait_for_end()

    expect_refused(start(world.fake(handler).url.replace("http:", "https:")), "does not speak TLS")


def test_an_https_endpoint_behind_http_is_502(fake, start):
    endpoint = fake()
    weir = start(endpoint.url.replace("https:", "http:"), tls={})
    assert weir.call().status == 502
    assert endpoint.requests == []


def test_a_handshake_that_stands_still_is_504(world, start, authority):
    def silent(c):
        c.socket.recv(65536)
        c.wait_for_end()

    endpoint = world.fake(silent)
    weir = start(endpoint.url.replace("http:", "https:"), settings={"timeouts": {"connect_ms": 100}})
    begin = time.monotonic()
    assert weir.call().status == 504
    assert time.monotonic() - begin < LIMIT_S / 2


# ---- Ends and cuts ----

BEGINNINGS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("framing", BEGINNINGS)
@pytest.mark.parametrize("http", ["1.0", "1.1"])
@pytest.mark.parametrize("how", ["fin", "reset"])
def test_an_answer_that_is_cut_does_not_look_whole(fake, start, version, framing, http, how):
    def handler(c):
        c.read_request()
        c.send(BEGINNINGS[framing])
        if how == "reset":
            wait_until(lambda: got, "the client has the beginning")
            c.reset()

    got = []
    weir = start(fake(handler, version=version))
    with weir.connect() as c:
        c.send_request(version=http)
        answer = c.read_final_head()
        got.append(True)
        c.read_content(answer)
        assert not answer.complete and answer.body == b"half", answer
    weir.expect_metric(1, "weir_errors_total", reason="reset")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("http", ["1.0", "1.1"])
def test_an_answer_whose_end_is_announced_is_whole(fake, start, version, http):
    def handler(c):
        c.read_request()
        c.send(BEGINNINGS["close"])
        say_goodbye(c)

    weir = start(fake(handler, version=version))
    with weir.connect() as c:
        c.send_request(version=http)
        answer = c.read_answer()
        assert answer.complete and answer.body == b"half"
    assert weir.settled_metrics().value("weir_errors_total") == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_that_says_its_length_is_whole_without_a_farewell(fake, start, version):
    """The length alone decides (RFC 9112 section 9.8)."""

    def handler(c):
        c.read_request()
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull")

    weir = start(fake(handler, version=version))
    answer = weir.call()
    assert answer.complete and answer.body == b"full"
    assert weir.settled_metrics().value("weir_errors_total") == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("headers", [[("Content-Length", "1000")], [("Transfer-Encoding", "chunked")]], ids=["length", "chunked"])
def test_a_request_that_the_client_cuts_is_cut_for_the_endpoint_too(fake, start, version, headers):
    ends = []

    def handler(c):
        c.read_head()
        try:
            while c.socket.recv(65536):
                pass
            ends.append("announced")
        except (ssl.SSLError, ConnectionError) as e:
            ends.append(e)

    weir = start(fake(handler, version=version))
    with weir.connect() as c:
        c.send_request("POST", headers=headers)
        c.send(b"4\r\nhalf\r\n")
    wait_until(lambda: ends, "the endpoint sees the end")
    assert ends != ["announced"]


def test_a_plain_client_of_a_tls_endpoint_is_told_apart(fake, start):
    """X-Forwarded-Proto says how the client came, not how the endpoint is reached."""
    endpoint = fake()
    weir = start(endpoint)
    with Connection(weir.port) as c:
        c.send_request()
        assert c.read_answer().status == 200
    assert endpoint.requests[0].headers["x-forwarded-proto"] == "http"
