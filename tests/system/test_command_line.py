"""weir check, weir run, --version, --help: what they print and how they end."""

import json
import re
import signal
import socket
import subprocess

import pytest
from harness import tables
from harness.places import ADDRESS, WEIR, free_port

pytestmark = pytest.mark.fast

GOOD = tables.table(
    {"hello": tables.function({"1": "http://127.0.0.1:9001", "2": "http://127.0.0.1:9002"}, {"live": {"1": 95, "2": 5}})},
    [tables.route("/hello", qualifier="live")],
)


def run(*arguments, folder=None):
    return subprocess.run([str(WEIR), *map(str, arguments)], capture_output=True, text=True, timeout=60, cwd=folder)


def check(tmp_path, table=None, settings=None):
    arguments = ["check"]
    for name, document in (("table", table), ("settings", settings)):
        if document is not None:
            path = tmp_path / f"{name}.json"
            path.write_text(document if isinstance(document, str) else json.dumps(document))
            arguments += [f"--{name}", path]
    return run(*arguments, folder=tmp_path)


def test_version_is_printed():
    done = run("--version")
    assert done.returncode == 0 and re.match(r"weir \d+\.\d+\.\d+", done.stdout)


def test_help_names_every_command_and_option():
    done = run("--help")
    assert done.returncode == 0
    for word in ("run", "check", "splitcheck", "--settings", "--table", "--listen", "--admin", "--workers", "--version"):
        assert word in done.stdout


@pytest.mark.parametrize("command", ["--version", "--help", "settings", "check"])
def test_output_that_cannot_be_written_is_an_error(tmp_path, command):
    arguments = [command]
    if command == "check":
        (tmp_path / "table.json").write_text(json.dumps(GOOD))
        arguments += ["--table", tmp_path / "table.json"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run([WEIR, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "weir: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["run", "--nonsense"], ["run", "--table"], ["check", "extra"]]
)
def test_wrong_usage_ends_with_status_2_and_a_hint(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr, done


def test_a_good_table_passes_the_check(tmp_path):
    done = check(tmp_path, GOOD)
    assert done.returncode == 0, done


def test_good_settings_pass_the_check(tmp_path):
    done = check(tmp_path, GOOD, {"workers": 3, "timeouts": {"connect_ms": 5}, "log": {"format": "text"}})
    assert done.returncode == 0, done


def test_the_check_prints_every_problem_with_its_place(tmp_path):
    bad = json.loads(json.dumps(GOOD))
    hello = bad["functions"]["hello"]
    hello["aliases"]["live"]["weights"] = {"1": 95, "2": 6}
    hello["aliases"]["beta"] = {"weights": {"3": 100}}
    hello["aliases"]["12"] = {"weights": {"1": 100}}
    hello["aliases"]["mixed"] = {"weights": {"1": 50, "$LATEST": 50}}
    hello["versions"]["x"] = {"endpoints": ["http://127.0.0.1:1"]}
    hello["versions"]["3"] = {"endpoints": []}
    hello["versions"]["4"] = {"endpoints": ["127.0.0.1:80"], "colour": "blue"}
    hello["versions"]["$LATEST"] = {"endpoints": ["http://127.0.0.1:80"]}
    bad["routes"].append({"path": "/x", "function": "nobody"})
    bad["routes"].append({"path": "/hello", "function": "hello", "qualifier": "live"})
    done = check(tmp_path, bad)
    assert done.returncode == 1
    text = done.stdout + done.stderr
    for place in (
        "$.functions.hello.aliases.live.weights",
        "$.functions.hello.aliases.12",
        "$.functions.hello.aliases.mixed",
        "$.functions.hello.versions.x",
        "$.functions.hello.versions.3.endpoints",
        "$.functions.hello.versions.4.endpoints[0]",
        "$.functions.hello.versions.4.colour",
        "$.routes[1].function",
        "$.routes[2]",
    ):
        assert place in text, f"{place} is not named in:\n{text}"
    assert text.count("table.json") >= 9


def test_the_check_looks_at_settings_and_table_in_one_go(tmp_path):
    done = check(tmp_path, {"functions": {}, "oops": 1}, {"workers": -1, "timeouts": {"conect_ms": 1}})
    assert done.returncode == 1
    text = done.stdout + done.stderr
    for place in ("oops", "$.workers", "conect_ms"):
        assert place in text
    assert "connect_ms" in text.replace("conect_ms", ""), "the right key is not suggested"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"functions": {"a": {}}, "functions": {}}', "\x00"])
def test_broken_json_is_reported_with_its_place(tmp_path, text):
    done = check(tmp_path, text)
    assert done.returncode == 1 and "table.json" in done.stdout + done.stderr


def test_a_missing_file_is_reported(tmp_path):
    done = run("check", "--table", tmp_path / "missing.json")
    assert done.returncode == 1 and "missing.json" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "weights",
    [{"1": 100.1}, {"1": 99.9999999}, {"1": -5, "2": 105}, {"1": 50.00000001, "2": 49.99999999}, {"1": "100"}, {}, [100]],
    ids=str,
)
def test_weights_that_are_none_are_refused(tmp_path, weights):
    bad = json.loads(json.dumps(GOOD))
    bad["functions"]["hello"]["aliases"]["live"]["weights"] = weights
    done = check(tmp_path, bad)
    assert done.returncode == 1 and "$.functions.hello.aliases.live.weights" in done.stdout + done.stderr


def test_run_refuses_a_bad_table_as_check_does(tmp_path):
    path = tmp_path / "table.json"
    path.write_text('{"functions": {"hello": {}}, "rutes": []}')
    done = run("run", "--table", path, "--listen", f"{ADDRESS}:{free_port()}", "--admin", f"{ADDRESS}:{free_port()}")
    assert done.returncode == 1 and "rutes" in done.stdout + done.stderr


def test_run_says_which_address_is_taken(tmp_path):
    path = tmp_path / "table.json"
    path.write_text(json.dumps(GOOD))
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option, other in (("--listen", "--admin"), ("--admin", "--listen")):
            done = run("run", "--table", path, option, f"{ADDRESS}:{port}", other, f"{ADDRESS}:{free_port()}")
            assert done.returncode == 1, done
            assert str(port) in done.stderr and "already" in done.stderr


def test_the_command_line_goes_before_the_settings(world):
    demo = world.demo()
    ports = [free_port() for _ in range(3)]
    weir = world.weir(
        tables.one(demo),
        arguments=[
            *("--listen", f"{ADDRESS}:{ports[0]}", "--listen", f"{ADDRESS}:{ports[1]}"),
            *("--admin", f"{ADDRESS}:{ports[2]}", "--workers", "3"),
        ],
        wait=False,
    )
    unused = weir.port
    weir.admin_port = ports[2]
    weir.wait_until_ready()
    for port in ports[:2]:
        weir.port = port
        assert weir.call().status == 200
    weir.port = unused
    with pytest.raises(ConnectionRefusedError):
        weir.call()
    weir.expect_metric(3, "weir_workers")


def test_weir_runs_from_a_table_alone(world, tmp_path):
    """Without any settings document."""
    from harness.processes import Process

    demo = world.demo()
    path = tmp_path / "table.json"
    path.write_text(json.dumps(tables.one(demo)))
    port, admin = free_port(), free_port()
    process = Process(
        tmp_path / "alone",
        "weir",
        [WEIR, "run", "--table", path, "--listen", f"{ADDRESS}:{port}", "--admin", f"{ADDRESS}:{admin}", "--workers", "1"],
    )
    from harness import client
    from harness.waiting import wait_until

    def is_ready():
        try:
            return client.call(admin, target="/readyz", host=ADDRESS).status == 200
        except OSError:
            return False

    wait_until(is_ready, "weir is ready")
    assert client.call(port).status == 200
    # The access log goes to standard output by default.
    wait_until(lambda: '"status":200' in process.stdout(), "the access log has a line")
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    assert not process.sanitizer_reports()


def test_an_ipv6_listener_serves(world):
    demo = world.demo()
    with socket.socket(socket.AF_INET6) as s:
        try:
            s.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback here")
        port = s.getsockname()[1]
    weir = world.weir(tables.one(demo), {"listeners": [{"address": f"[::1]:{port}"}]})
    with socket.create_connection(("::1", port), 10) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := s.recv(65536):
            data += piece
    assert b"200 OK" in data and b'["X-Forwarded-For","::1"]' in data
    assert weir.access_log is not None


# ---- What a start needs of the machine ----


def settings_of(tmp_path, **settings):
    (tmp_path / "table.json").write_text(json.dumps(GOOD))
    address = {"listeners": [{"address": f"{ADDRESS}:{free_port()}"}], "admin": {"address": f"{ADDRESS}:{free_port()}"}}
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"table": {"file": "table.json"}, **address, **settings}))
    return path


@pytest.mark.parametrize("command", ["check", "run"])
def test_every_address_in_use_is_told_with_its_place_and_option(tmp_path, command):
    with socket.socket() as first, socket.socket() as second:
        for taken in (first, second):
            taken.bind((ADDRESS, 0))
            taken.listen()
        a, b = (f"{ADDRESS}:{taken.getsockname()[1]}" for taken in (first, second))
        path = settings_of(
            tmp_path, listeners=[{"address": f"{ADDRESS}:{free_port()}"}, {"address": a}], admin={"address": b}
        )
        done = run(command, "--settings", path, folder=tmp_path)
        assert done.returncode == 1
        told = [line for line in done.stderr.splitlines() if "cannot listen on" in line]
        assert len(told) == 2, done
        assert re.search(r"settings\.json:1:\d+: \$\.listeners\[1\]\.address: ", told[0]) and a in told[0] and "--listen" in told[0] and "[address]" in told[0]
        assert "$.admin.address" in told[1] and b in told[1] and "--admin" in told[1]
        if command == "check":
            reload = run("check", "--reload", "--settings", path, folder=tmp_path)
            assert reload.returncode == 0 and reload.stdout == "the documents are fine\n", reload


def test_addresses_of_a_running_weir_are_right_for_a_reload(world):
    weir = world.weir(tables.one(world.demo()))
    done = run("check", "--settings", weir.settings_path, folder=weir.folder)
    assert done.returncode == 0 and done.stdout.count("in use by a weir of this user") == 2, done
    again = run("run", "--settings", weir.settings_path, folder=weir.folder)
    assert again.returncode == 1 and again.stderr.count("cannot listen on") == 2, again


@pytest.mark.parametrize("command", ["check", "run"])
def test_two_names_of_one_address_are_found(tmp_path, command):
    port = free_port()
    address = socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)[0][4][0]
    other = f"[{address}]" if ":" in address else address
    path = settings_of(tmp_path, listeners=[{"address": f"{other}:{port}"}], admin={"address": f"localhost:{port}"})
    done = run(command, "--settings", path, folder=tmp_path)
    assert done.returncode == 1, done
    assert f"localhost:{port} and {other}:{port} of $.listeners[0].address take the same address and port" in done.stderr


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_folder_of_the_access_log_that_is_not_there_is_found(tmp_path, command):
    path = settings_of(tmp_path, log={"access": "logs/access.log"})
    done = run(command, "--settings", path, folder=tmp_path)
    assert done.returncode == 1
    assert "$.log.access: the access log logs/access.log cannot be opened: No such file or directory; its folder" in done.stderr
    (tmp_path / "logs").mkdir()
    if command == "check":
        assert run("check", "--settings", path, folder=tmp_path).returncode == 0
        assert not list((tmp_path / "logs").iterdir()), "a check makes no file"


# ---- Places ----


def test_problems_name_file_line_and_column(tmp_path):
    settings = tmp_path / "settings.json"
    settings.write_text(
        '{\n  "listeners": [\n    {"address": "127.0.0.1:0", "tls": {"certificate": "none.pem", "key": "none.key"}}\n  ],\n'
        '  "state": {"directory": "nowhere"},\n  "table": {"file": "table.json"}\n}\n'
    )
    (tmp_path / "table.json").write_text('{"functions": {},\n "rutes": []}')
    done = run("check", "--reload", "--settings", "settings.json", folder=tmp_path)
    assert done.returncode == 1
    for start in ("settings.json:3:40: $.listeners[0].tls.certificate: none.pem", "settings.json:5:13: $.state.directory: "):
        assert start in done.stderr, done
    assert "table.json:2:2: $.rutes: " in done.stderr
    done = run("check", "--reload", "--settings", "settings.json", "--state", "elsewhere", folder=tmp_path)
    assert "command line: $.state.directory: " in done.stderr, done
    (tmp_path / "table.json").write_text('{"functions": {},\n  oops}')
    done = run("check", "--table", "table.json", folder=tmp_path)
    assert done.stderr.startswith("table.json:2:") and ": $: not valid JSON" in done.stderr, done


# ---- Advice ----


ALIAS = '{"functions": {"f": {"versions": {"1": {"endpoints": ["http://127.0.0.1:1"]}}, "aliases": {"live": %s}}}}'


@pytest.mark.parametrize(
    "kind, text, advice",
    [
        ("table", '{"functions": {}, "listeners": []}', '"listeners" is not a known key; it belongs in the settings document'),
        ("settings", '{"functions": {}}', '"functions" is not a known key; it belongs in the table document'),
        ("table", ALIAS % '{"weights": {"1": 1.0}}', "the weights total 1, as shares do"),
        ("table", ALIAS % '{"FunctionVersion": "1", "weights": {"1": 100}}', 'here it is "weights": {"VERSION": 100}'),
        ("table", '{"functions": {}, "routes": [{"path": "/hello/*", "function": "f"}]}', "leave that out"),
        ("settings", '{"timeouts": {"connect_ms": "2s"}}', "write 2000"),
        ("settings", '{"timeouts": {"connect_ms": "10m"}}', "write 600000"),
        ("settings", '{"limits": {"body_bytes": "10m"}}', "write 10485760"),
        ("settings", '{"limits": {"connections": "5"}}', "write 5"),
        ("settings", '{"admin": {"tls": {"certificate": "a", "key": "b", "min_version": "TLSv1.2"}}}', "write the number alone"),
    ],
)
def test_the_advice_fits_what_people_write(tmp_path, kind, text, advice):
    done = check(tmp_path, **{kind: text})
    assert done.returncode == 1 and advice in done.stderr, done


def test_the_advice_for_an_empty_table_can_be_loaded(tmp_path):
    for text in ("", "{}"):
        told = re.search(r"the smallest table is (\{.*?\}\})", check(tmp_path, text).stderr)
        assert check(tmp_path, told[1]).returncode == 0


# ---- The command line itself ----


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["run", "--setings", "x"], "weir: unknown option: --setings; did you mean --settings?"),
        (["run", "--table"], "weir: a value is missing behind --table; weir --help has all commands and options"),
        (["aply"], "weir: unknown command: aply; did you mean apply?"),
        (["nonsense"], "weir: unknown command: nonsense; weir --help has all commands and options"),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments, told):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr == told + "\n", done


def test_short_options_print_help_and_version():
    assert run("-h").stdout == run("--help").stdout == run("check", "-h").stdout
    assert run("-V").stdout == run("--version").stdout


def test_check_reads_a_table_from_standard_input():
    for text, status, told in ((json.dumps(GOOD), 0, ""), ('{"functions": {},\n "rutes": []}', 1, "<stdin>:2:2: $.rutes: ")):
        done = subprocess.run([str(WEIR), "check", "-"], input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == status and done.stderr.startswith(told), done


def test_healthcheck_tells_whether_weir_is_ready(world):
    weir = world.weir(tables.one(world.demo()))
    address = f"{ADDRESS}:{weir.admin_port}"
    for more in ((), ("--live",)):
        done = run("healthcheck", "--admin", address, *more)
        assert done.returncode == 0 and done.stdout == done.stderr == "", done
    done = run("healthcheck", "--admin", f"{ADDRESS}:{free_port()}")
    assert done.returncode == 1 and "cannot be reached" in done.stderr, done
