"""Pins and overrides: requests that fix a version, on every way to an alias; what they leave in the figures, and what they do not."""

import base64
import hashlib
import hmac
import json
import sqlite3
import time
import uuid

import pytest
from harness import tables
from harness.certificates import Authority
from harness.fake import answering
from harness.rie import Rie
from harness.tls_weir import TlsWeir
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

KEY = "a-key-of-this-test-0123456789"
SECRET = "open sesame"
HASH = hashlib.sha256(SECRET.encode()).hexdigest()
HEADER_PIN = {"pin": {"for_s": 3600, "header": "x-weir-pin"}}
COOKIE_PIN = {"pin": {"for_s": 3600, "cookie": "weir-pin"}}
OVERRIDE = {"override": {"header": "x-weir-override", "secret_sha256": HASH}}


def token(version, alias="live", function="hello", issued=None, key=KEY):
    issued = int(time.time()) if issued is None else issued
    text = "\n".join(["weir-pin", function, alias, version, str(issued)])
    signature = base64.urlsafe_b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())
    return f"{version}.{issued}.{signature.decode().rstrip('=')}"


def reply(body=b"ok", fields=b""):
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (fields, len(body), body)


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "pins"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    return path


def settings(keys, **more):
    return {"pins": {"key_file": str(keys)}, **more}


def fakes(world, names, fields=b""):
    return {name: world.fake(answering(reply(name.encode(), fields))) for name in names}


def version(answer):
    assert answer.status == 200, answer
    return answer.headers["x-amz-executed-version"]


def pinned(name, value=None):
    return [("x-weir-pin", value or token(name))]


def override(what, secret=SECRET):
    return [("X-Weir-Override", f"{what}; secret={secret}" if secret is not None else what)]


def count(weir, name, **labels):
    return weir.metrics().value(name, function="hello", **labels) or 0


# ---- Pins


def test_an_answer_carries_a_pin_that_keeps_its_version(world, keys):
    places = fakes(world, "12")
    weir = world.weir(tables.split(places, {"1": 50, "2": 50}, **HEADER_PIN), settings(keys))
    before = int(time.time())
    pins = {}
    for _ in range(4):
        answer = weir.call()
        pins[version(answer)] = answer.headers["x-weir-pin"]
    assert set(pins) == {"1", "2"}
    for name, pin in pins.items():
        issued = int(pin.split(".")[1])
        assert before <= issued <= int(time.time())
        assert pin == token(name, issued=issued)
        for _ in range(5):
            answer = weir.call(headers=pinned(name, pin))
            assert version(answer) == name
            assert "x-weir-pin" not in answer.headers
    assert not any("x-weir-pin" in r.headers for place in places.values() for r in place.requests)


def test_pinned_invocations_take_no_ticket_and_are_in_no_figure_of_the_alias(world, keys):
    weir = world.weir(tables.split(fakes(world, "12"), {"1": 75, "2": 25}, **HEADER_PIN), settings(keys))
    for i in range(40):
        assert version(weir.call(headers=pinned("2"))) == "2"
        if i % 2 == 0:
            weir.call()
    metrics = weir.settled_metrics()
    assert metrics.value("weir_invocations_total", alias="live", version="1") == 15
    assert metrics.value("weir_invocations_total", alias="live", version="2") == 5
    assert metrics.value("weir_responses_total", alias="live", code="2xx") == 20
    assert metrics.value("weir_invocation_duration_seconds_count", alias="live") == 20
    assert metrics.value("weir_invocations_in_flight", alias="live") == 0
    assert metrics.value("weir_pinned_total", function="hello", alias="live", version="2") == 40
    lines = weir.wait_for_log(60)
    assert sum(line["pick"] == "pin" for line in lines) == 40
    assert sum(line["pick"] == "exact" for line in lines) == 20
    assert all(line["alias"] == "live" and "key" not in line for line in lines)


def test_a_pin_outlives_its_versions_weight_and_its_place_in_the_alias(world, keys):
    places = fakes(world, "123")
    weir = world.weir(tables.split(places, {"1": 0, "2": 100}, **HEADER_PIN), settings(keys))
    pin = pinned("1")
    assert version(weir.call(headers=pin)) == "1"
    assert version(weir.call()) == "2"
    weir.must_reload(tables.split(places, {"2": 100}, **HEADER_PIN))
    assert version(weir.call(headers=pin)) == "1"
    assert version(weir.call(headers=pinned("3"))) == "3"
    del places["1"]
    weir.must_reload(tables.split(places, {"2": 100}, **HEADER_PIN))
    answer = weir.call(headers=pin)
    assert version(answer) == "2"
    assert answer.headers["x-weir-pin"].startswith("2.")
    assert count(weir, "weir_pinned_total", alias="live", version="1") == 2
    assert count(weir, "weir_pinned_total", alias="live", version="3") == 1
    lines = sorted((line["alias"], line["version"], line["pick"]) for line in weir.wait_for_log(5))
    assert lines == [("live", "1", "pin")] * 2 + [("live", "2", "exact")] * 2 + [("live", "3", "pin")]


def test_what_is_no_pin_of_this_alias_is_as_none(world, keys):
    table = tables.split(fakes(world, "12"), {"1": 100, "2": 0}, **HEADER_PIN)
    table["functions"]["hello"]["aliases"]["beta"] = {"weights": {"2": 100}, **HEADER_PIN}
    table["functions"]["other"] = table["functions"]["hello"]
    weir = world.weir(table, settings(keys))
    good = token("2")
    forged = good[:-1] + ("A" if good[-1] != "A" else "B")
    bad = [
        forged,
        good + "x",
        good[:-1],
        "1" + good[1:],
        good.replace("2.", "22.", 1),
        token("2", alias="beta"),
        token("2", function="other"),
        token("2", key="another-key-0123456789"),
        token("2", issued=int(time.time()) - 3600),
        token("2", issued=0),
        token("9"),
        "2",
        "",
        "x" * 3000,
    ]
    for value in bad:
        answer = weir.call(headers=[("x-weir-pin", value)])
        assert version(answer) == "1", value
        assert answer.headers["x-weir-pin"].startswith("1."), value
    assert version(weir.call(headers=pinned("2", good))) == "2"
    assert weir.settled_metrics().value("weir_invocations_total", alias="live") == len(bad)
    assert version(weir.invoke("hello", query="?Qualifier=beta", headers=pinned("1", token("1", alias="beta")))) == "1"
    assert version(weir.invoke("other", query="?Qualifier=live", headers=pinned("2", token("2", function="other")))) == "2"


def test_a_pin_ends_when_its_time_is_over_however_much_it_is_used(world, keys):
    pin = {"pin": {"for_s": 2, "header": "x-weir-pin"}}
    weir = world.weir(tables.split(fakes(world, "12"), {"1": 100, "2": 0}, **pin), settings(keys))
    mine = token("2")
    assert version(weir.call(headers=pinned("2", mine))) == "2"
    wait_until(lambda: version(weir.call(headers=pinned("2", mine))) == "1", "the pin has ended")


def test_a_cookie_is_a_pin_and_reaches_no_endpoint(world, keys):
    places = fakes(world, "12")
    weir = world.weir(tables.split(places, {"1": 100, "2": 0}, **COOKIE_PIN), settings(keys))
    answer = weir.call(headers=[("Cookie", "a=1; b=\"2\"")])
    name, _, rest = answer.headers["set-cookie"].partition("=")
    pin, *attributes = rest.split("; ")
    assert (name, attributes) == ("weir-pin", ["Path=/", "Max-Age=3600", "HttpOnly", "SameSite=Lax"])
    assert pin == token("1", issued=int(pin.split(".")[1]))
    for before, after in [
        ("a=1; weir-pin={}; b=\"2\"", "a=1; b=\"2\""),
        ("weir-pin={};  a = 1", "a = 1"),
        ("Weir-Pin=x; weir-pin={}", "Weir-Pin=x"),
        ("weir-pin={}", None),
    ]:
        answer = weir.call(headers=[("Cookie", before.format(token("2"))), ("X-Last", "1")])
        assert version(answer) == "2"
        assert "set-cookie" not in answer.headers
        request = places["2"].requests[-1]
        assert request.headers.get("cookie") == after
        assert request.headers["x-last"] == "1"
    # not good, and not forwarded either
    answer = weir.call(headers=[("Cookie", "a=1; weir-pin=2.1.x")])
    assert version(answer) == "1" and answer.headers["set-cookie"].startswith("weir-pin=1.")
    assert places["1"].requests[-1].headers["cookie"] == "a=1"


def test_a_cookie_over_tls_is_secure(world, keys, tmp_path):
    authority = Authority(tmp_path)
    places = fakes(world, "1")
    tls = TlsWeir(world, places["1"], authority.issue("shop.test"), authority, settings(keys))
    tls.weir.must_reload(tables.split(places, {"1": 100}, **COOKIE_PIN))
    assert tls.call().headers["set-cookie"].endswith("; SameSite=Lax; Secure")


def test_an_endpoint_cannot_say_what_weir_says(world, keys):
    fields = b"X-Weir-Pin: theirs\r\nx-weir-override: theirs\r\nSet-Cookie: weir-pin=theirs\r\nSet-Cookie: a=1\r\n"
    for terms, kept in ((HEADER_PIN, ["weir-pin=theirs", "a=1"]), (COOKIE_PIN, ["theirs", "a=1"])):
        weir = world.weir(tables.split(fakes(world, "1", fields), {"1": 100}, **terms, **OVERRIDE), settings(keys))
        for headers in ([], override("1"), pinned("1"), [("Cookie", "weir-pin=" + token("1"))]):
            answer = weir.call(headers=headers)
            values = [value for name, value in answer.headers.pairs if name.lower() in ("x-weir-pin", "x-weir-override", "set-cookie")]
            assert "x-weir-override" not in answer.headers
            ours = [value for value in values if value not in kept]
            assert [value for value in values if value in kept] == kept
            assert len(ours) <= 1 and all(token("1", issued=int(value.split(".")[1])) in value for value in ours)
    plain = world.weir(tables.split(fakes(world, "1", fields), {"1": 100}), settings(keys))
    answer = plain.call(headers=[("X-Weir-Pin", "a"), ("X-Weir-Override", "b"), ("Cookie", "weir-pin=c")])
    assert (answer.headers["x-weir-pin"], answer.headers["x-weir-override"]) == ("theirs", "theirs")


def test_fields_are_ordinary_ones_where_the_alias_has_no_such_key(world, keys):
    places = fakes(world, "1")
    weir = world.weir(tables.split(places, {"1": 100}), settings(keys))
    weir.call(headers=[("X-Weir-Pin", "a"), *override("2"), ("Cookie", "weir-pin=c")])
    request = places["1"].requests[-1]
    assert request.headers["x-weir-pin"] == "a"
    assert request.headers["x-weir-override"] == f"2; secret={SECRET}"
    assert request.headers["cookie"] == "weir-pin=c"


def test_trailers_and_underscores_do_not_pass_either(world, keys):
    seen = []

    def serve(c):
        while c.read_head():
            seen.append(c.read_until(b"0\r\n") + c.read_until(b"\r\n\r\n"))
            c.send(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Weir-Pin: theirs\r\nX-Other: stays\r\n\r\n"
            )

    weir = world.weir(tables.split({"1": world.fake(serve)}, {"1": 100}, **HEADER_PIN, **OVERRIDE), settings(keys))
    with weir.connect() as c:
        c.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nX_Weir_Pin: x\r\nX-Weir_Override: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nhi\r\n0\r\nX-Weir-Override: 2; secret=hush\r\nX-Kept: yes\r\n\r\n"
        )
        c.read_until(b"\r\n\r\n")
        got = c.read_until(b"0\r\n") + c.read_until(b"\r\n\r\n")
    assert b"theirs" not in got and b"X-Other: stays" in got
    assert b"hush" not in seen[0] and b"X-Kept: yes" in seen[0]
    place = world.things[0]
    assert not [name for name, _ in place.requests[0].headers.pairs if "weir" in name.lower()]


def test_a_pin_names_the_version_that_was_drawn_not_the_one_that_ran(world, keys):
    places = fakes(world, "12")
    dead = {"endpoints": ["http://127.0.0.1:1"], "ejection": {"consecutive_errors": 1, "pause_ms": 600000, "pause_max_ms": 600000}}
    table = tables.split({"1": dead, "2": places["2"]}, {"1": 100, "2": 0}, on_unavailable="failover", **HEADER_PIN)
    weir = world.weir(table, settings(keys), workers=1)
    first = weir.call()
    assert first.status == 502 and "x-weir-pin" not in first.headers
    answer = weir.call()
    assert version(answer) == "2" and answer.headers["x-weir-pin"].startswith("1.")
    again = weir.call(headers=pinned("1", answer.headers["x-weir-pin"]))
    assert version(again) == "2" and "x-weir-pin" not in again.headers
    metrics = weir.settled_metrics()
    assert metrics.value("weir_failover_invocations_total", alias="live", version="2") == 1
    assert metrics.value("weir_pinned_total", alias="live", version="1") == 1
    assert weir.call(headers=override("1")).status != 404


# ---- Keys


def test_every_key_of_the_file_is_accepted_and_the_first_one_signs(world, keys):
    weir = world.weir(tables.split(fakes(world, "12"), {"1": 100, "2": 0}, **HEADER_PIN), settings(keys))
    old = token("2")
    new = token("2", key="the-new-key-0123456789")
    assert version(weir.call(headers=pinned("2", new))) == "1"
    keys.write_text(f"the-new-key-0123456789\n{KEY}\n")
    wait_until(lambda: version(weir.call(headers=pinned("2", new))) == "2", "the new key is in force")
    assert version(weir.call(headers=pinned("2", old))) == "2"
    pin = weir.call().headers["x-weir-pin"]
    assert pin == token("1", issued=int(pin.split(".")[1]), key="the-new-key-0123456789")
    keys.write_text("the-new-key-0123456789\n")
    assert weir.reload().status == 200
    wait_until(lambda: version(weir.call(headers=pinned("2", old))) == "1", "the old key has gone")
    keys.write_text("a b\n")
    answer = weir.reload()
    assert answer.status != 200 and str(keys) in answer.body.decode() and "line 1" in answer.body.decode()
    assert version(weir.call(headers=pinned("2", new))) == "2"
    weir.allow_error("line 1")


def test_without_a_file_pins_are_of_the_process(world):
    table = tables.split(fakes(world, "12"), {"1": 50, "2": 50}, **HEADER_PIN)
    one, other = world.weir(table), world.weir(table)
    pin = one.call().headers["x-weir-pin"]
    assert all(version(one.call(headers=pinned(None, pin))) == pin[0] for _ in range(6))
    assert "x-weir-pin" in other.call(headers=pinned(None, pin)).headers
    one.must_reload(table)
    assert version(one.call(headers=pinned(None, pin))) == pin[0]


def test_weir_does_not_start_without_the_keys_that_it_was_told_of(world, tmp_path):
    weir = world.weir(tables.one("http://127.0.0.1:1"), {"pins": {"key_file": str(tmp_path / "none")}}, wait=False)
    world.things.remove(weir)
    assert weir.wait() == 1
    assert str(tmp_path / "none") in weir.stderr()


# ---- Overrides


def test_an_override_runs_what_it_names(world, keys):
    places = fakes(world, ["1", "2", "3", "$LATEST"])
    table = tables.split(places, {"1": 100}, **OVERRIDE)
    table["functions"]["hello"]["aliases"]["beta"] = {"weights": {"2": 100}}
    weir = world.weir(table, settings(keys))
    for name, ran in (("2", "2"), ("3", "3"), ("1", "1"), ("$LATEST", "$LATEST"), ("beta", "2"), ("live", "1")):
        assert version(weir.call(headers=override(name))) == ran
    assert version(weir.call()) == "1"
    assert not any("override" in name.lower() for place in places.values() for r in place.requests for name, _ in r.headers.pairs)
    metrics = weir.settled_metrics()
    assert metrics.value("weir_invocations_total") == 1
    for name, n in (("1", 2), ("2", 2), ("3", 1), ("$LATEST", 1)):
        assert metrics.value("weir_overrides_total", function="hello", alias="live", version=name) == n
    assert sorted(line["pick"] for line in weir.wait_for_log(7)) == ["exact"] + ["override"] * 6


def test_an_override_to_an_alias_draws_by_its_weights_without_a_ticket(world, keys):
    table = tables.split(fakes(world, "12"), {"1": 100}, **OVERRIDE)
    table["functions"]["hello"]["aliases"]["beta"] = {"weights": {"1": 50, "2": 50}}
    weir = world.weir(table, settings(keys))
    assert {version(weir.call(headers=override("beta"))) for _ in range(64)} == {"1", "2"}
    assert not weir.metrics().value("weir_invocations_total", alias="beta")


def test_an_override_of_what_there_is_not_is_not_found(world, keys):
    weir = world.weir(tables.split(fakes(world, "12"), {"1": 100}, **OVERRIDE), settings(keys))
    for name in ("9", "beta", "hello", "x" * 500, "1 2", "1,2"):
        answer = weir.call(headers=override(name))
        assert answer.status == 404, name
        assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
        assert SECRET not in answer.body.decode()
    assert weir.invoke("hello", query="?Qualifier=live", headers=override("9")).status == 404
    assert weir.metrics().value("weir_rejected_requests_total", reason="not_found") == 7
    assert not weir.metrics().value("weir_invocations_total")


def test_without_the_right_secret_an_override_is_as_none(world, keys):
    places = fakes(world, "12")
    weir = world.weir(tables.split(places, {"1": 100, "2": 0}, **OVERRIDE), settings(keys))
    for headers in (
        override("2", None),
        override("2", ""),
        override("2", SECRET[:-1]),
        override("2", SECRET + "x"),
        override("2", HASH),
        override("9", "wrong"),
        [("X-Weir-Override", "")],
        [("X-Weir-Override", f"; secret={SECRET}")],
    ):
        assert version(weir.call(headers=headers)) == "1"
        assert "x-weir-override" not in places["1"].requests[-1].headers
    assert version(weir.call(headers=[("x-weir-override", f'2;SECRET="{SECRET}"')])) == "2"
    assert count(weir, "weir_overrides_total") == 1


def test_networks_say_from_where_an_override_may_come(world, keys):
    places = fakes(world, "12")
    here = {"override": {"header": "x-o", "networks": ["127.0.0.0/8", "::1/128"]}}
    elsewhere = {"override": {"header": "x-o", "networks": ["192.0.2.0/24"]}}
    both = {"override": {"header": "x-o", "secret_sha256": HASH, "networks": ["192.0.2.0/24"]}}
    table = tables.split(places, {"1": 100, "2": 0}, **here)
    aliases = table["functions"]["hello"]["aliases"]
    aliases["elsewhere"] = {"weights": {"1": 100}, **elsewhere}
    aliases["both"] = {"weights": {"1": 100}, **both}
    weir = world.weir(table, settings(keys))
    ask = {name: f"?Qualifier={name}" for name in aliases}
    assert version(weir.invoke("hello", query=ask["live"], headers=[("X-O", "2")])) == "2"
    assert version(weir.invoke("hello", query=ask["elsewhere"], headers=[("X-O", "2")])) == "1"
    assert version(weir.invoke("hello", query=ask["both"], headers=[("X-O", f"2; secret={SECRET}")])) == "1"
    # what a client that is not trusted says of its address changes nothing
    assert version(weir.invoke("hello", query=ask["elsewhere"], headers=[("X-O", "2"), ("X-Forwarded-For", "192.0.2.1")])) == "1"


def changed(weir, **terms):
    body = json.dumps({"weights": {"1": 100}, **terms}).encode()
    return weir.admin("/functions/hello/aliases/live", "PUT", body, headers=[("Content-Type", "application/json")])


def refused_at(answer, place):
    assert answer.status == 400, answer
    assert [problem["path"] for problem in answer.json()["problems"]] == [f"$.functions.hello.aliases.live.{place}"]


def test_a_secret_in_the_place_of_its_hash_is_in_no_message(world, keys):
    places = fakes(world, "12")
    weir = world.weir(tables.split(places, {"1": 100}, **OVERRIDE), settings(keys))
    weir.allow_error("secret_sha256")
    for wrong in (SECRET, SECRET.ljust(64)):
        override = {"secret_sha256": wrong}
        answers = [changed(weir, override=override), weir.reload(tables.split(places, {"1": 100}, override=override))]
        for answer in answers:
            refused_at(answer, "override.secret_sha256")
            assert SECRET.encode() not in answer.body, answer
    weir.wait_for_words("the value has something else than hexadecimal digits")
    assert SECRET not in weir.stderr()


def test_names_that_would_mean_two_things_are_refused(world, keys):
    weir = world.weir(tables.split(fakes(world, "12"), {"1": 100}, **OVERRIDE), settings(keys))
    refused_at(changed(weir, pin={"header": "X-Weir-Override"}), "override.header")
    refused_at(changed(weir, pin={"header": "x-amz-executed-version"}), "pin.header")
    refused_at(changed(weir, experiment={"outcome_header": "X-WEIR-OVERRIDE"}), "experiment.outcome_header")
    sticky = {"key": [{"cookie": "uid", "issue": {}}]}
    refused_at(changed(weir, pin={"cookie": "uid"}, split={"sticky": sticky}), "pin.cookie")


def test_an_override_goes_before_a_pin(world, keys):
    weir = world.weir(tables.split(fakes(world, "123"), {"1": 100}, **HEADER_PIN, **OVERRIDE), settings(keys))
    answer = weir.call(headers=override("3") + pinned("2"))
    assert version(answer) == "3" and "x-weir-pin" not in answer.headers
    assert version(weir.call(headers=override("3", "wrong") + pinned("2"))) == "2"
    assert version(weir.call(headers=override("3", "wrong") + pinned("2", "x"))) == "1"


def test_secrets_and_pins_stand_in_no_log_and_on_no_page(world, keys):
    weir = world.weir(
        tables.split(fakes(world, "12"), {"1": 100}, **HEADER_PIN, **OVERRIDE), settings(keys, log={"level": "debug"}), workers=1
    )
    mine = token("2")
    weir.call(headers=override("2") + pinned("2", mine))
    weir.call(headers=override("9"))
    weir.call(headers=override("2", "wrong-secret"))
    weir.wait_for_log(3)
    weir.must_reload(json.loads(weir.table_path.read_text()))
    pages = "".join(weir.admin(page).body.decode() for page in ("/table", "/settings", "/metrics", "/functions/hello/aliases/live"))
    assert HASH in pages
    everything = pages + weir.stderr() + weir.access_log_path.read_text()
    for secret in (SECRET, KEY, mine, mine.split(".")[2], "wrong-secret"):
        assert secret not in everything


# ---- Every way


def test_pins_and_overrides_by_invoke_and_on_the_admin_listener(world, keys):
    places = fakes(world, "12")
    weir = world.weir(tables.split(places, {"1": 100, "2": 0}, **HEADER_PIN, **OVERRIDE), settings(keys))
    path = "/2015-03-31/functions/hello:live/invocations"
    for call in (
        lambda headers: weir.call("POST", path, headers=headers, body=b"{}"),
        lambda headers: weir.admin(path, "POST", b"{}", headers),
    ):
        answer = call([])
        assert version(answer) == "1" and answer.headers["x-weir-pin"].startswith("1.")
        assert version(call(pinned("2"))) == "2"
        assert version(call(override("2"))) == "2"
        assert call(override("9")).status == 404
    assert not any("weir" in name.lower() for place in places.values() for r in place.requests for name, _ in r.headers.pairs)


@pytest.mark.parametrize("alias_kind, other_kind", [("rie", "rie"), ("http", "rie"), ("rie", "http"), ("http", "lambda"), ("lambda", "http")])
def test_versions_of_any_kind(world, keys, alias_kind, other_kind):
    def place(kind, name):
        if kind == "rie":
            return {"kind": "rie", **tables.endpoints(world.fake(Rie(lambda event, request: {"ran": name, "event": event}).serve))}
        fake = world.fake(answering(reply(json.dumps({"ran": name}).encode())))
        return {"kind": kind, "endpoints": [fake.url + "/2015-03-31/functions/f/invocations" if kind == "lambda" else fake.url]}

    table = tables.split({"1": place(alias_kind, "1"), "2": place(other_kind, "2")}, {"1": 100}, **HEADER_PIN, **OVERRIDE)
    weir = world.weir(table, settings(keys))
    for headers in (pinned("2"), override("2")):
        answer = weir.invoke("hello", b'{"a":1}', "?Qualifier=live", headers=headers)
        assert version(answer) == "2" and answer.json()["ran"] == "2", answer
        if other_kind == "rie":
            assert answer.json()["event"] == {"a": 1}
            assert weir.invoke("hello", b"no json", "?Qualifier=live", headers=headers).status == 400
        # a route to it
        answer = weir.call("POST", "/", body=b'{"a":1}', headers=headers)
        assert version(answer) == "2" and answer.json()["ran"] == "2"
        assert (weir.call("GET", "/", headers=headers).status == 405) == (alias_kind != "http" or other_kind != "http")
    answer = weir.invoke("hello", b"{}", "?Qualifier=live")
    assert version(answer) == "1" and answer.headers["x-weir-pin"].startswith("1.")


def test_function_urls_and_their_events(world, keys):
    def place(name):
        rie = Rie(lambda event, request: {"statusCode": 200, "cookies": ["weir-pin=theirs", "mine=1"], "body": json.dumps([name, event])})
        return {"kind": "rie", **tables.endpoints(world.fake(rie.serve))}

    table = tables.table(
        {"hello": tables.function({"1": place("1"), "2": place("2")}, {"live": {"weights": {"1": 100}, **COOKIE_PIN, **OVERRIDE}})},
        [tables.route(qualifier="live", function_url=True)],
    )
    weir = world.weir(table, settings(keys))
    answer = weir.call("GET", "/a", headers=[("Cookie", "a=1; b=2")])
    cookies = [value for name, value in answer.headers.pairs if name.lower() == "set-cookie"]
    assert cookies[0] == "mine=1" and cookies[1].startswith("weir-pin=1.") and len(cookies) == 2
    for headers, ran in (
        ([("Cookie", "a=1; weir-pin=" + token("2") + "; b=2")], "2"),
        ([("Cookie", "a=1; weir-pin=x; b=2"), *override("2")], "2"),
        ([("Cookie", "a=1; weir-pin=x; b=2"), *override("2", "wrong")], "1"),
    ):
        name, event = weir.call("GET", "/a", headers=headers).json()
        assert name == ran
        assert event["cookies"] == ["a=1", "b=2"]
        assert "x-weir-override" not in event["headers"] and "weir-pin" not in json.dumps(event)


def test_streams_carry_a_pin(world, keys):
    weir = world.weir(tables.split(fakes(world, "12"), {"1": 100, "2": 0}, **HEADER_PIN, **OVERRIDE), settings(keys))
    path = "/2021-11-15/functions/hello:live/response-streaming-invocations"
    answer = weir.call("POST", path, body=b"{}")
    assert version(answer) == "1" and answer.headers["x-weir-pin"].startswith("1.")
    for headers in (pinned("2"), override("2")):
        answer = weir.call("POST", path, body=b"{}", headers=headers)
        assert version(answer) == "2" and b"2" in answer.body and "x-weir-pin" not in answer.headers


def test_attempts_of_one_call_count_once(world, keys):
    weir = world.weir(tables.split(fakes(world, "12"), {"1": 100, "2": 0}, **HEADER_PIN, **OVERRIDE), settings(keys))
    for headers, name, n in ((pinned("2"), "weir_pinned_total", 1), (override("2"), "weir_overrides_total", 1)):
        attempt = [("amz-sdk-invocation-id", str(uuid.uuid4()))]
        for _ in range(3):
            assert version(weir.invoke("hello", query="?Qualifier=live", headers=attempt + headers)) == "2"
        assert count(weir, name) == n
    assert not weir.metrics().value("weir_invocations_total")
    # a drawn one keeps its version, and each answer has its pin
    attempt = [("amz-sdk-invocation-id", str(uuid.uuid4()))]
    for _ in range(2):
        answer = weir.invoke("hello", query="?Qualifier=live", headers=attempt)
        assert version(answer) == "1" and answer.headers["x-weir-pin"].startswith("1.")
    assert weir.settled_metrics().value("weir_invocations_total") == 1


def test_an_event_runs_what_an_override_says_and_its_answer_has_no_pin(world, keys, tmp_path):
    places = fakes(world, "12")
    folder = tmp_path / "state"
    folder.mkdir()
    table = tables.split(places, {"1": 100, "2": 0}, **HEADER_PIN, **OVERRIDE)
    weir = world.weir(table, settings(keys), arguments=("--state", folder))
    event = [("X-Amz-Invocation-Type", "Event")]
    for headers in (override("2"), pinned("2")):
        answer = weir.invoke("hello", query="?Qualifier=live", headers=event + headers)
        assert answer.status == 202 and "x-weir-pin" not in answer.headers
    wait_until(lambda: len(places["2"].requests) == 2, "both have run")
    assert not any("weir" in name.lower() and "x-weir-pin" == name.lower() for r in places["2"].requests for name, _ in r.headers.pairs)
    assert all("override" not in name.lower() for r in places["2"].requests for name, _ in r.headers.pairs)
    assert all(r.headers["lambda-runtime-invoked-function-arn"].endswith(":function:hello:live") for r in places["2"].requests)
    answer = weir.invoke("hello", query="?Qualifier=live", headers=event)
    assert answer.status == 202 and "x-weir-pin" not in answer.headers
    wait_until(lambda: len(places["1"].requests) == 1, "the drawn one has run")
    lines = weir.wait_for_log(6)
    assert sorted(line.get("pick", "") for line in lines) == ["", "", "", "exact", "override", "pin"]
    weir.expect_metric(1, "weir_responses_total", alias="live", code="2xx")
    metrics = weir.metrics()
    assert metrics.value("weir_invocations_total") == 1
    assert metrics.value("weir_event_attempts_total", alias="live") == 1
    assert metrics.value("weir_overrides_total", alias="live", version="2") == 1
    assert metrics.value("weir_pinned_total", alias="live", version="2") == 1
    with sqlite3.connect(folder / "weir.db") as db:
        assert SECRET not in "".join(db.iterdump())


def test_an_event_whose_pinned_version_has_gone_is_drawn_anew(world, keys, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    places = fakes(world, "1")
    places["2"] = world.fake(lambda c: c.read_request() and c.reset())
    quick = {"events": {"retry_ms": 20, "backoff_ms": 20}}
    table = tables.split(places, {"1": 100}, **OVERRIDE)
    weir = world.weir(table, settings(keys, **quick), arguments=("--state", folder))
    answer = weir.invoke("hello", query="?Qualifier=live", headers=[("X-Amz-Invocation-Type", "Event"), *override("2")])
    assert answer.status == 202
    wait_until(lambda: len(places["2"].requests) >= 1, "it was tried")
    del table["functions"]["hello"]["versions"]["2"]
    weir.must_reload(table)
    wait_until(lambda: len(places["1"].requests) == 1, "it has run elsewhere")


def test_a_dry_run_and_other_requests_are_as_before(world, keys):
    weir = world.weir(tables.split(fakes(world, "12"), {"1": 100}, **HEADER_PIN, **OVERRIDE), settings(keys))
    answer = weir.invoke("hello", query="?Qualifier=live", headers=[("X-Amz-Invocation-Type", "DryRun"), *override("2")])
    assert answer.status == 204 and "x-weir-pin" not in answer.headers
    # the version itself has no terms
    answer = weir.invoke("hello", query="?Qualifier=2", headers=override("1"))
    assert version(answer) == "2" and "x-weir-pin" not in answer.headers
