"""Certificates: those of clients, and new ones for a running weir."""

import json
import signal
import ssl
import subprocess
import threading

import pytest
from harness import certificates, places, tables
from harness.certificates import Authority
from harness.client import Connection
from harness.places import scaled
from harness.tls import client_context
from harness.tls_weir import TlsWeir, is_resumed, rejected_handshakes, resumable_session
from harness.waiting import LIMIT_S, wait_until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
SUBJECT = "x-client-certificate-subject"


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


@pytest.mark.fast
def test_a_new_certificate_is_noticed(world, start, renewable):
    live, pairs = renewable
    tls = start(world.demo("1"), pair=live)
    for new in pairs[1:] + pairs[:1]:  # whoever renews them turns a link ...
        live.become(new)
        wait_until(lambda: certificate_now(tls) == new.der(), "the new certificate is in force")  # noqa: B023
    tls.weir.allow_error("reload rejected")  # (between the two writes they may not belong together)
    for new in pairs[1:] + pairs[:1]:  # ... or writes the files
        live.key.write_bytes(new.key.read_bytes())
        live.certificate.write_bytes(new.certificate.read_bytes())
        wait_until(lambda: certificate_now(tls) == new.der(), "the new certificate is in force")  # noqa: B023


def test_certificates_that_new_settings_name_are_followed(world, start, renewable, tmp_path):
    live, pairs = renewable
    tls = start(world.demo("1"), pair=pairs[2])
    assert tls.change_settings(lambda s: s["listeners"][0]["tls"].update(live.settings())).status == 200
    assert certificate_now(tls) == pairs[0].der()
    live.become(pairs[1])
    wait_until(lambda: certificate_now(tls) == pairs[1].der(), "the new certificate is in force")


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
    rejected = tls.weir.metrics().value("weir_table_reloads_total", result="rejected")
    assert rejected >= 1  # that the file changed may have been noticed too
    tls.weir.signal(signal.SIGHUP)
    wait_until(lambda: tls.weir.metrics().value("weir_table_reloads_total", result="rejected") > rejected, "one more is counted")
    tls.weir.wait_for_words(words)
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
