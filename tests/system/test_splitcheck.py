"""weir splitcheck against weir, and against small servers whose split, manners and faults a test decides."""

import itertools
import json
import random
import subprocess
import threading
from xml.etree import ElementTree

import pytest
from harness import tables
from harness.certificates import Authority
from harness.fake import Fake
from harness.places import ADDRESS, ROOT, WEIR, free_port
from harness.tls import TlsFake

MEMBERS = {
    "requests", "errors", "expected", "counts", "shares", "prefix_error", "tests", "longest_run", "first_hit", "latency_ms",
    "verdict", "pass",
}  # fmt: skip


def run(*arguments, stdin=None, env=None):
    command = [str(WEIR), "splitcheck", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=stdin, env=env)


class Found:
    def __init__(self, done):
        self.done = done
        self.status = done.returncode
        self.json = json.loads(done.stdout) if done.stdout.startswith("{") else None

    def __getattr__(self, name):
        return self.json[name]

    def __repr__(self):
        return f"{self.status} {self.done.stdout} {self.done.stderr}"


def check(url, *more, expect="1=95,2=5", **options):
    arguments = ["--expect", expect, "--json", "-"]
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}"] + ([] if value is True else [value])
    return Found(run(*arguments, *more, url))


def answer(version, body=b"", status=200, more=""):
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nx-amz-executed-version: {version}\r\n{more}\r\n"
    return head.encode() + body


class Planted:
    """The handler of a Fake: the n-th request over all connections gets pick(n, request)."""

    def __init__(self, pick, say=answer):
        self.pick = pick
        self.say = say
        self.numbers = itertools.count()
        self.lock = threading.Lock()

    def next(self, request):
        with self.lock:
            return self.say(self.pick(next(self.numbers), request))

    def __call__(self, c):
        while request := c.read_request():
            c.send(self.next(request))


def every_twentieth(n, _=None):
    return "2" if n % 20 == 10 else "1"


def drawn(percent, seed=7):
    generator = random.Random(seed)
    return lambda n, request: "2" if generator.random() * 100 < percent else "1"


@pytest.fixture
def planted(world):
    def plant(pick, say=answer):
        return world.keep(Fake(Planted(pick, say)))

    return plant


def weir_with(world, split="exact", weights=None, workers=4):
    demos = {name: world.demo(name) for name in ("1", "2")}
    weir = world.weir(tables.split(demos, weights or {"1": 95, "2": 5}, split=split), workers=workers)
    weir.demos = demos
    weir.url = f"http://{ADDRESS}:{weir.port}/"
    return weir


# ---- weir ----


@pytest.mark.fast
def test_an_exact_split_of_weir_is_found_exact(world):
    weir = weir_with(world)
    found = check(weir.url, requests=1000, require="exact")
    assert found.status == 0 and found.verdict == "exact" and found.json["pass"] is True, found
    assert MEMBERS <= set(found.json)
    assert found.requests == 1000 and found.errors == 0 and found.counts == {"1": 950, "2": 50}
    assert found.shares == {"1": 95, "2": 5} == found.expected
    assert found.prefix_error["max"] < 1 and found.prefix_error["version"] in "12"
    assert len(found.tests["independence"]["autocorrelation"]) == 10
    assert set(found.tests["binomial"]) == {"1", "2"} and found.tests["g"]["p_value"] == 1
    assert found.tests["sequential"]["e_value_max"] >= 1
    for version in "12":
        for name in ("p50", "p90", "p99"):
            estimate, low, high = found.latency_ms[version][name]
            assert 0 < low <= estimate <= high
    assert 1 <= found.first_hit["2"] <= 20 and found.first_hit["1"] in (1, 2)
    assert found.longest_run == {"1": 19, "2": 1}
    assert sum(demo.count()["requests"] for demo in weir.demos.values()) == 1000


def test_workers_connections_and_reloads_leave_weir_exact(world):
    weir = weir_with(world)
    command = f"curl -s -X POST http://{ADDRESS}:{weir.admin_port}/reload"
    assert check(weir.url, requests=500, reconnect=True).verdict == "exact"
    found = check(weir.url, requests=1000, connections=8)
    assert found.verdict == "exact" and found.counts["2"] in (49, 50, 51), found
    found = check(weir.url, requests=200, reload_every=10, reload_command=command)
    assert found.verdict == "exact" and found.requests == 200, found
    assert found.done.stderr.count('"generation"') == 19


def test_a_random_split_of_weir_is_found_random(world):
    weir = weir_with(world, "random", {"1": 70, "2": 30})
    found = check(weir.url, requests=2000, expect="1=70,2=30", alpha="1e-6")
    assert found.status == 0 and found.verdict == "random", found
    assert check(weir.url, requests=500, expect="1=70,2=30", alpha="1e-6", require="exact").status == 1
    found = check(weir.url, requests=2000, expect="1=60,2=40", alpha="1e-6")
    assert found.status == 1 and found.verdict == "biased" and found.json["pass"] is False, found


# ---- Verdicts ----


@pytest.mark.parametrize(
    "pick, expect, verdict",
    [
        (drawn(35), "1=70,2=30", "biased"),
        (drawn(30), "1=70,2=30", "random"),
        (lambda n, _: "1" if n % 100 < 70 else "2", "1=70,2=30", "patterned"),
        (lambda n, _: "2" if n % 20 == 10 else "1", "1=95,2=5", "exact"),
        (lambda n, _: "123"[n % 3], "1=33.3333333,2=33.3333333,3=33.3333334", "exact"),
        (lambda n, _: "3" if n == 700 else every_twentieth(n), "1=95,2=5", "biased"),
        (lambda n, _: "3" if n == 700 else every_twentieth(n), "1=95,2=5,3=0", "biased"),
        (lambda n, _: "1", "1=100,2=0", "exact"),
        (lambda n, _: "1", "1=95,2=5", "biased"),
    ],
    ids=["35-for-30", "30", "blocks", "even", "thirds", "stranger", "weight-0", "one", "dead"],
)
def test_verdicts(planted, pick, expect, verdict):
    n = 1000 if verdict != "biased" else 3000
    found = check(planted(pick).url, requests=n, expect=expect)
    assert found.verdict == verdict, found
    assert found.status == (1 if verdict == "biased" else 0)
    assert sum(found.counts.values()) == found.requests == n
    assert found.reasons


def test_what_the_options_forbid_does_not_fit(planted):
    def blocks(n, _):
        return "1" if n % 100 < 70 else "2"

    for more, status in (({}, 0), ({"max_prefix_error": 20}, 1), ({"max_prefix_error": 22}, 0), ({"require": "random"}, 1)):
        found = check(planted(blocks).url, requests=1000, expect="1=70,2=30", **more)
        assert (found.status, found.json["pass"]) == (status, status == 0), found
        assert found.prefix_error == {"max": pytest.approx(21), "at": 70, "version": "1"}


def test_an_unknown_version_is_named(planted):
    found = check(planted(lambda n, _: "blue" if n == 5 else every_twentieth(n)).url, requests=100)
    assert found.status == 1 and found.counts == {"1": 94, "2": 5, "blue": 1}
    assert any("blue" in reason for reason in found.reasons)


# ---- HTTP ----


class Closing:
    """Serves so many requests on a connection and then ends it, with or without saying so."""

    def __init__(self, most, announces):
        self.most, self.announces = most, announces
        self.served = Planted(every_twentieth)

    def __call__(self, c):
        for i in range(self.most):
            request = c.read_request()
            if request is None:
                return
            is_last = i == self.most - 1
            more = "Connection: close\r\n" if is_last and self.announces else ""
            self.served.say = lambda version, more=more: answer(version, more=more)
            c.send(self.served.next(request))


@pytest.mark.parametrize("announces", [True, False], ids=["announced", "silent"])
def test_a_server_that_ends_connections_after_100_requests_loses_and_repeats_nothing(world, announces):
    closing = Closing(100, announces)
    fake = world.keep(Fake(closing))
    found = check(fake.url, requests=1000)
    assert found.verdict == "exact" and found.errors == 0 and found.counts == {"1": 950, "2": 50}, found
    assert next(closing.served.numbers) == 1000
    assert fake.nr_connections in (10, 11)


def test_one_connection_is_kept_and_reconnect_makes_one_for_each(world):
    fake = world.keep(Fake(Planted(every_twentieth)))
    assert check(fake.url, requests=100).verdict == "exact" and fake.nr_connections == 1
    assert check(fake.url, requests=100, connections=4).errors == 0 and fake.nr_connections == 5
    found = check(fake.url, requests=100, reconnect=True)
    assert found.errors == 0 and fake.nr_connections == 105
    assert len(fake.requests) == 300


def chunked(version):
    body = json.dumps({"ran": {"version": version}}).encode()
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 7]), body[i : i + 7]) for i in range(0, len(body), 7))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\nTrailer: x\r\n\r\n"


def with_length(version):
    body = json.dumps({"ran": {"version": version}}).encode() + b" " * 200_000
    return b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("say", [chunked, with_length])
def test_the_version_is_found_in_bodies(planted, say):
    fake = planted(every_twentieth, say)
    found = check(fake.url, requests=200, version_body='"version": "([^"]*)"')
    assert found.verdict == "exact" and found.counts == {"1": 190, "2": 10}, found
    assert fake.nr_connections == 1


def test_a_body_may_end_with_the_connection(world):
    served = Planted(every_twentieth, lambda version: b"HTTP/1.1 200 OK\r\n\r\nversion=%s" % version.encode())

    def handler(c):
        request = c.read_request()
        if request:
            c.send(served.next(request))

    found = check(world.keep(Fake(handler)).url, requests=100, version_body="=([0-9])$")
    assert found.verdict == "exact" and found.errors == 0, found


def test_another_header_may_name_the_version_and_data_is_posted(planted):
    fake = planted(every_twentieth, lambda v: b"HTTP/1.1 200 OK\r\nX-Backend:  %s \r\nContent-Length: 0\r\n\r\n" % v.encode())
    found = check(fake.url + "/a/b?c=d", requests=40, version_header="x-backend", data='{"a": 1}')
    assert found.verdict == "exact" and found.counts == {"1": 38, "2": 2}, found
    request = fake.requests[0]
    assert (request.method, request.target, request.body) == ("POST", "/a/b?c=d", b'{"a": 1}')
    assert request.headers["host"] == f"{ADDRESS}:{fake.port}"


def test_https_works_and_verifies_when_asked(world, tmp_path):
    authority = Authority(tmp_path / "ca")
    pair = authority.issue("server", [f"IP:{ADDRESS}"])
    fake = world.keep(TlsFake(pair, Planted(every_twentieth)))
    url = fake.url
    assert check(url, requests=200).verdict == "exact"
    assert check(url, requests=50, reconnect=True).errors == 0
    assert check(url, requests=50, verify=True).status == 2
    command = ["--expect", "1=95,2=5", "--requests", "40", "--verify", url]
    assert run(*command, env={"SSL_CERT_FILE": str(authority.file)}).returncode == 0


# ---- Errors ----


@pytest.mark.fast
def test_a_server_that_is_down_cannot_be_measured():
    found = check(f"http://{ADDRESS}:{free_port()}/", requests=10000)
    assert found.status == 2 and "connection refused" in found.done.stderr, found
    assert found.verdict is None and found.json["pass"] is False and found.requests == found.errors == 3


def test_answers_without_a_version_are_errors(planted):
    def say(version):
        return answer(version) if version else b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"

    fake = planted(lambda n, _: None if n % 10 == 3 else every_twentieth(n), say)
    found = check(fake.url, requests=1000)
    assert found.errors == 100 and sum(found.counts.values()) == 900 and found.status in (0, 1), found
    found = check(planted(lambda n, _: None, say).url, requests=50)
    assert found.status == 2 and found.errors == 50 and "x-amz-executed-version" in found.done.stderr, found


def test_a_server_that_goes_away_in_between_cannot_be_measured(world):
    def handler(c):
        for _ in range(50):
            c.read_request()
            c.send(answer("1"))
        c.endpoint.listener.close()

    found = check(world.keep(Fake(handler)).url, requests=5000)
    assert found.status == 2 and "does not answer" in found.done.stderr and found.errors < 200, found


def test_answers_that_break_off_and_nonsense_are_errors(planted):
    def say(n):
        return (answer("1"), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nx-amz-executed-version: 1\r\n\r\nabc", b"SSH-2.0\r\n")[n]

    class Breaking(Planted):
        def __call__(self, c):
            while request := c.read_request():
                with self.lock:
                    n = next(self.numbers) % 10
                c.send(say(n if n < 3 else 0))
                if n == 1:
                    return

    fake = Fake(Breaking(None))
    try:
        found = check(fake.url, requests=100, expect="1=100")
        assert found.errors == 20 and found.counts == {"1": 80}, found
    finally:
        fake.stop()


def test_an_answer_that_does_not_come_is_an_error(world):
    def handler(c):
        c.read_request()
        c.wait_for_end()

    found = check(world.keep(Fake(handler)).url, requests=100, timeout=0.2)
    assert found.status == 2 and "no answer within 0.2 s" in found.done.stderr and found.errors == 3, found


# ---- Keys, rate, reload ----


def by_key(n, request):
    return "2" if int(request.headers["x-user"].rsplit("-", 1)[1]) % 20 == 0 else "1"


def test_keys_are_the_sample_and_must_keep_their_version(planted):
    fake = planted(by_key)
    found = check(fake.url, keys=400, key_header="x-user", requests=1200)
    assert found.status == 0 and found.requests == 1200 and found.counts == {"1": 380, "2": 20}, found
    assert found.json["keys"]["inconsistent"] == 0
    assert {r.headers["x-user"] for r in fake.requests} == {f"key-{i}" for i in range(1, 401)}
    found = check(planted(drawn(50)).url, keys=100, key_header="x-user", expect="1=50,2=50")
    assert found.requests == 200 and found.status == 1 and found.json["keys"]["inconsistent"] > 20, found


def test_an_open_loop_sends_as_many_as_it_should(planted):
    fake = planted(every_twentieth)
    found = check(fake.url, requests=200, rate=2000, connections=3)
    assert found.errors == 0 and len(fake.requests) == 200 and found.verdict == "exact", found


def test_the_reload_command_runs_between_requests(planted, tmp_path):
    class Forgetful(Planted):
        def next(self, request):
            if request.target == "/reload":
                self.numbers = itertools.count()
                return answer("1")
            return super().next(request)

    fake = Fake(Forgetful(every_twentieth))
    try:
        command = f"echo x >> {tmp_path}/ran; curl -s {fake.url}/reload"
        found = check(fake.url, requests=400, reload_every=10, reload_command=command)
        assert found.status == 1 and found.verdict == "biased" and found.counts == {"1": 400, "2": 0}, found
        assert found.first_hit == {"1": 1, "2": None}
        assert (tmp_path / "ran").read_text().count("x") == 39
    finally:
        fake.stop()
    found = check(planted(every_twentieth).url, requests=100, reload_every=10, reload_command="echo words; exit 3")
    assert found.status == 2 and "status 3" in found.done.stderr and "words" in found.done.stderr, found


# ---- The command line ----


def test_output_goes_where_it_should(planted, tmp_path):
    fake = planted(every_twentieth)
    files = tmp_path / "found.json", tmp_path / "found.svg"
    done = run("--expect", "1=95,2=5", "--requests", "200", "--json", files[0], "--svg", files[1], f"{fake.url}/<a>&b")
    assert done.returncode == 0 and done.stdout.startswith("exact: fits\n"), done
    assert "200 of 200 requests" in done.stderr
    assert json.loads(files[0].read_text())["counts"] == {"1": 190, "2": 10}
    picture = ElementTree.fromstring(files[1].read_text())
    words = " ".join(picture.itertext())
    assert picture.tag.endswith("svg") and "/<a>&b: exact" in words and "200 requests" in words and "due 5 %" in words
    done = run("--expect", "1=95,2=5", "--requests", "20", "--json", "/nowhere/x", fake.url)
    assert done.returncode == 2 and "/nowhere/x" in done.stderr


@pytest.mark.fast
@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "the URL is missing"),
        (["http://x/"], "--expect is missing"),
        (["--expect", "1=95,2=6", "http://x/"], "do not total 100"),
        (["--expect", "1=95,1=5", "http://x/"], "names a version twice"),
        (["--expect", "1=95;2=5", "http://x/"], "no percent"),
        (["--expect", "95", "http://x/"], "no list such as"),
        (["--expect", "1=100", "ftp://x/"], "does not begin with http://"),
        (["--expect", "1=100", "http://x:99999/"], "port"),
        (["--expect", "1=100", "http://u:p@x/"], "not supported"),
        (["--expect", "1=100", "http://x/", "http://y/"], "one URL is enough"),
        (["--requests", "0", "--expect", "1=100", "http://x/"], "no whole number from 1"),
        (["--requests", "ten"], "no whole number from 1"),
        (["--alpha", "2"], "--alpha"),
        (["--require", "perfect"], "neither exact nor random"),
        (["--keys", "5", "--expect", "1=100", "http://x/"], "go together"),
        (["--keys", "5", "--key-header", "k", "--requests", "4", "--expect", "1=100", "http://x/"], "fewer than the 5 keys"),
        (["--reload-every", "5", "--expect", "1=100", "http://x/"], "go together"),
        (["--version-body", "("], "no extended regular expression"),
        (["--version-header", "a b"], "no name of a header field"),
        (["--data", "@/nowhere"], "/nowhere"),
        (["--nonsense"], "--nonsense"),
        (["--json"], "--json"),
    ],
)
def test_wrong_usage_says_what_is_wrong(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2 and words in done.stderr and not done.stdout, done


@pytest.mark.fast
def test_help_names_every_option():
    done = run("--help")
    assert done.returncode == 0 and not done.stderr
    page = (ROOT / "docs" / "splitcheck.md").read_text()
    for option in (
        "expect requests connections reconnect rate timeout data verify version-header version-body alpha max-prefix-error require "
        "keys key-header reload-every reload-command json svg self-test help"
    ).split():
        assert f"--{option}" in done.stdout and f"--{option}" in page, option


def test_the_self_test_finds_each_planted_fault():
    done = run("--self-test")
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    for fault in ("35 % for 30 %", "off by one", "block round robin", "forgetting on reload"):
        assert any(line.startswith(fault) and " found: " in line for line in lines), fault
    assert len(lines) == 6


def test_the_self_test_has_a_document():
    done = run("--self-test", "--json", "-")
    document = json.loads(done.stdout)
    assert done.returncode == 0 and document["pass"] is True
    assert [row["expected"] for row in document["self_test"]] == ["biased", "biased", "patterned", "biased", "exact", "random"]
    assert all(row["verdict"] == row["expected"] and row["found"] is True for row in document["self_test"])
