"""The shipped unit's sandbox, put up without systemd (harness/sandbox.sh): weir does all its work inside it, and the sandbox holds. And the other
extreme, a root in which there is nothing but weir."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest
from harness import tables
from harness.certificates import Authority
from harness.client import call
from harness.places import ADDRESS, ROOT, SANITIZER, WEIR, free_port
from harness.processes import Process, Weir
from harness.systemd import unit_values
from harness.tls import TlsConnection, TlsFake, client_context
from harness.waiting import wait_until

UNIT = ROOT / "packaging" / "weir.service.in"
SCRIPT = pathlib.Path(__file__).parent / "harness" / "sandbox.sh"
PYTHON = shutil.which("python3", path="/usr/bin") or sys.executable
TOOLS = ("unshare", "setpriv", "systemd-analyze", "cc", "awk")
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]


def may_mount():
    command = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True).returncode == 0


def why_not():
    if os.geteuid() != 0:
        return "needs root to put up a sandbox"
    if MISSING:
        return f"not installed: {' '.join(MISSING)}"
    if SANITIZER:
        return "sanitizers need more than weir does"
    return "" if may_mount() else "no mount namespace may be made here"


REASON = why_not()
pytestmark = [pytest.mark.skipif(bool(REASON), reason=REASON or "-")]


def inside(folder):
    """What to put before a command. The command's program has its path in the sandbox."""
    log = folder / "log"
    log.mkdir(parents=True, exist_ok=True)
    os.chown(log, 65534, 65534)
    namespace = ["unshare", "--mount", "--propagation", "private"]
    return [*namespace, "sh", SCRIPT, folder, PYTHON, UNIT, WEIR]


class Confined(Weir):
    """weir in the sandbox, as its unit would start it: with the documents in one folder and the log in another."""

    def __init__(self, folder, table, settings, port):
        command = [*inside(folder), "/mnt/bin/weir", "run", "--settings", "/mnt/etc/settings.json"]
        settings = {"table": {"file": "/mnt/etc/table.json"}, "log": {"access": "/mnt/log/access.log"}, **settings}
        super().__init__(folder, table, settings, command=command, wait=False)
        self.access_log_path = folder / "log" / "access.log"
        self.port = port
        self.wait_until_ready()


# ---- weir inside ----


def test_weir_does_all_its_work_in_the_units_sandbox(world):
    authority = Authority(world.folder / "authority")
    pair = authority.issue("shop", ["DNS:shop.test", f"IP:{ADDRESS}"])
    folder = world.folder / "confined"
    (folder / "pem").mkdir(parents=True)
    for path in (pair.certificate, pair.key, authority.file):
        shutil.copy(path, folder / "pem")
        (folder / "pem" / path.name).chmod(0o644)
    demo, near = world.demo("1"), world.demo("1", address="127.0.0.1")
    secret = world.keep(TlsFake(pair, answer))
    trusted = {**tables.endpoints(secret), "tls": {"ca_file": f"/mnt/etc/pem/{authority.file.name}"}}
    functions = {
        "hello": tables.function({"1": demo}, {"live": {"weights": {"1": 100}}}),
        "named": tables.function({"1": f"http://localhost:{near.port}"}),
        "secret": tables.function({"1": trusted}),
    }
    routes = [tables.route("/", "hello", "live"), *(tables.route(f"/{n}", n, "1") for n in ("named", "secret"))]
    table = tables.table(functions, routes)
    port, tls_port = 80, free_port()  # a low port, on the tests' own address
    tls = {"certificate": f"/mnt/etc/pem/{pair.certificate.name}", "key": f"/mnt/etc/pem/{pair.key.name}"}
    listeners = [{"address": f"{ADDRESS}:{port}"}, {"address": f"{ADDRESS}:{tls_port}", "tls": tls}]
    weir = world.keep(Confined(folder, table, {"listeners": listeners}, port))

    assert weir.call("POST", "/x?echo", body=b"x" * 500_000).body == b"x" * 500_000
    assert weir.call(target="/named").status == 200, "a host name is resolved"
    assert weir.call(target="/secret").body == b"hello", "TLS to an endpoint"
    with TlsConnection(tls_port, client_context(authority), "shop.test") as c:
        c.send_request()
        assert c.read_answer().status == 200
    assert weir.call(target="/?fail=reset").status == 502

    generation = weir.generation()
    assert weir.reload().status == 200
    weir.signal(signal.SIGHUP)
    functions["second"] = tables.function({"1": demo})
    weir.write_table(table)
    wait_until(lambda: weir.invoke("second", query="?Qualifier=1").status == 200, "the file's change is seen")
    assert weir.generation() > generation

    lines = len(weir.wait_for_log(5))
    weir.access_log_path.rename(weir.access_log_path.with_suffix(".1"))
    weir.signal(signal.SIGUSR1)
    wait_until(weir.access_log_path.exists, "the log is opened anew")
    assert lines and weir.call().status == 200
    weir.wait_for_log(1)
    metrics = weir.metrics()
    for name in ("process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_threads"):
        assert metrics.value(name) > 0, name
    assert weir.admin("/healthz").status == 200

    status = pathlib.Path(f"/proc/{weir.pid}/status").read_text()
    assert re.search(r"^Uid:\s65534\s65534\s65534\s65534$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s0{13}400$", status, re.MULTILINE), "CAP_NET_BIND_SERVICE"
    assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\s2$", status, re.MULTILINE)
    world.end()  # ends weir with SIGTERM and expects status 0


def answer(c):
    while c.read_request():
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


# ---- What the sandbox refuses ----

REFUSED = {
    "a mount": "import ctypes; ctypes.CDLL(None).mount(b'a', b'/mnt', b'tmpfs', 0, 0)",
    "another process' memory": "import ctypes; ctypes.CDLL(None).ptrace(16, 1, 0, 0)",
    "a raw packet socket": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "a namespace": "import ctypes; ctypes.CDLL(None).unshare(0x10000000)",
    "code that can be written": "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "a reboot": "import ctypes; ctypes.CDLL(None).reboot(0)",
}


def probe(tmp_path, code):
    command = [*inside(tmp_path), PYTHON, "-c", code]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("what", REFUSED)
def test_the_sandbox_kills_who_asks_for(tmp_path, what):
    done = probe(tmp_path, REFUSED[what])
    assert done.returncode == -signal.SIGSYS, done


def test_the_sandbox_has_one_writable_folder_and_no_secrets(tmp_path):
    code = """
import os
def tries(path):
    try:
        open(path, "w").close()
        return True
    except OSError:
        return False
places = ["/etc", "/usr", "/var/tmp", "/tmp", "/run", "/dev", "/mnt", "/mnt/etc", "/mnt/bin", "/mnt/log"]
print([place for place in places if tries(place + "/probe")])
print([place for place in ("/root", "/home", "/tmp") if os.listdir(place)], sorted(os.listdir("/dev")))
print(os.path.exists("/proc/1/status"), os.path.exists("/proc/kcore"), os.path.exists("/proc/sys"), os.getuid(), os.geteuid())
"""
    done = probe(tmp_path, code)
    assert done.returncode == 0, done
    assert done.stdout.splitlines() == [
        "['/mnt/log']",
        "[] ['full', 'null', 'random', 'urandom', 'zero']",
        "False False False 65534 65534",
    ]


def test_what_the_sandbox_stands_for_is_in_the_unit():
    """sandbox.sh is written for these directives: whoever changes one changes the other."""
    unit = UNIT.read_text()
    expected = {
        "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE",
        "AmbientCapabilities": "CAP_NET_BIND_SERVICE",
        "NoNewPrivileges": "yes",
        "DynamicUser": "yes",
        "UMask": "0077",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "ProtectProc": "invisible",
        "ProcSubset": "pid",
        "PrivateDevices": "yes",
        "PrivateTmp": "yes",
        "MemoryDenyWriteExecute": "yes",
        "RestrictNamespaces": "yes",
        "SystemCallArchitectures": "native",
    }
    assert {key: unit_values(unit, key) for key in expected} == {key: [value] for key, value in expected.items()}


# ---- Nothing but weir ----


def libraries(program):
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def test_weir_runs_in_a_read_only_root_that_holds_nothing_else(world):
    """No /proc, no /dev, no /tmp, no /etc but its own, no capability: as in the smallest of containers."""
    demo = world.demo("7")
    root = world.folder / "root"
    for source in [str(WEIR), *libraries(WEIR)]:
        target = root / ("weir" if source == str(WEIR) else source[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    port, admin_port = free_port(), free_port()
    table = json.dumps(tables.split({"7": demo}, {"7": 100}))
    (root / "table.json").write_text(table)
    settings = {
        "listeners": [{"address": f"{ADDRESS}:{port}"}],
        "admin": {"address": f"{ADDRESS}:{admin_port}"},
        "table": {"file": "/table.json"},
    }
    (root / "settings.json").write_text(json.dumps(settings))
    read_only = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && exec chroot --userspec=65532:65532 --groups= "$1" '
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", read_only + "/weir run --settings /settings.json"]
    weir = Process(world.folder / "bare", "weir", [*command, "sh", root])
    try:
        use_bare(weir, demo, root, table, port, admin_port)
    finally:
        weir.kill()


def use_bare(weir, demo, root, table, port, admin_port):
    def is_ready():
        assert weir.is_running(), weir.stderr()
        try:
            return call(admin_port, target="/readyz", host=ADDRESS).status == 200
        except OSError:
            return False

    wait_until(is_ready, "weir is ready")
    assert call(port).headers["x-amz-executed-version"] == demo.version
    assert call(admin_port, target="/metrics", host=ADDRESS).status == 200
    (root / "table.json").write_text(table.replace('"/"', '"/moved"'))
    wait_until(lambda: call(port).status == 404, "the table's change is seen")
    assert call(port, target="/moved").status == 200
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0, weir.stderr()
    assert " error " not in weir.stderr(), weir.stderr()
