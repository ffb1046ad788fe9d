"""weir splitcheck against nginx and HAProxy, configured as `make split-table` does it, where they are installed."""

import importlib.machinery
import importlib.util
import json
import shutil
import subprocess
import sys

import pytest
from harness import client
from harness.places import ROOT, WEIR, free_port
from harness.processes import Process
from harness.waiting import wait_until

HOST = "127.0.0.1"
CASES = {
    "nginx, weights": {"exact"},
    "nginx, weights and zone": {"exact"},
    "nginx, split_clients": {"random"},
    "HAProxy, roundrobin": {"exact"},
    "HAProxy, random(1)": {"random"},
}


@pytest.fixture(scope="module")
def bench():
    """The module bench/split-table."""
    sys.path.insert(0, str(ROOT / "bench"))
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader = importlib.machinery.SourceFileLoader("split_table", str(ROOT / "bench" / "split-table"))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
        loader.exec_module(module)
        yield module
    finally:
        sys.dont_write_bytecode = keep
        sys.path.remove(str(ROOT / "bench"))


class Proxy(Process):
    def __init__(self, folder, command, port):
        super().__init__(folder, "proxy", command)

        def listens():
            assert self.is_running(), self.stderr()
            try:
                return client.call(port, address=HOST).status == 200
            except OSError:
                return False

        wait_until(listens, "the proxy listens")

    def stop(self):
        self.child.terminate()
        self.wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_other_proxies_are_what_they_are_known_to_be(world, bench, tmp_path, name):
    if not shutil.which(name.split(",")[0].lower()):
        pytest.skip(f"{name} is not installed: scripts/install-deps.sh bench")
    ports = [world.demo(version, address=HOST).port for version in ("1", "2")]
    setting = bench.Setting(tmp_path, free_port(HOST), None, ports, 1, 50)
    world.keep(Proxy(tmp_path / "out", bench.PROXIES[name](setting, None), setting.port))
    command = [WEIR, "splitcheck", "--expect", "1=95,2=5", "--requests", "600", "--alpha", "1e-6", "--json", "-"]
    command += ["--version-header", "x-demo-version", f"http://{HOST}:{setting.port}/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    assert found["verdict"] in CASES[name] and found["errors"] == 0 and sum(found["counts"].values()) == 600, done
