"""The bench runs: every piece of it, with counts that can be, and no time judged."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"

pytestmark = pytest.mark.skipif(
    os.environ.get("WEIR_PRESET", "release") != "release", reason="the bench measures the release build"
)


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the bench needs two cores")
def test_the_smoke_run_finds_nothing_wrong(tmp_path):
    weir = os.environ.get("WEIR_BIN", ROOT / "build" / "weir")
    command = [sys.executable, BENCH / "run", "--smoke", "--out", tmp_path, "--weir", weir]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    results = json.loads((tmp_path / "result.json").read_text())
    measured = {sample["proxy"] for sample in results["samples"]}
    assert {"relay", "weir"} <= measured
    for name in ("nginx", "haproxy"):
        assert (name in measured) == (shutil.which(name) is not None)
    cells = {sample["cell"] for sample in results["samples"] if sample["proxy"] == "weir"}
    assert {"get64", "post64", "get512", "post512", "once", "down", "up", "two", "hot", "turn", "invoke"} <= cells
    assert all(sample["answers"] > 0 for sample in results["samples"])
    assert (tmp_path / "result.svg").read_text().startswith("<svg")
    assert "| weir |" in (tmp_path / "result.md").read_text()


def test_the_readme_shows_the_configurations_that_are_used():
    program = "import json, proxies; print(json.dumps([proxies.NGINX, proxies.HAPROXY, proxies.HAPROXY_BACKEND]))"
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], capture_output=True, text=True, cwd=BENCH, check=True
    )
    text = (BENCH / "README.md").read_text()
    for template in json.loads(done.stdout):
        assert re.sub(r"([{}])\1", r"\1", template) in text
