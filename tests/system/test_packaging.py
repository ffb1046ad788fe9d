"""What is shipped around the binary: hardening, what `make install` lays down, the examples, the systemd unit."""

import json
import os
import pathlib
import platform
import re
import shutil
import subprocess

import pytest
from harness import places
from harness.systemd import allowed_calls, unit_values

EXAMPLES = places.ROOT / "examples"
only_plain = pytest.mark.skipif(bool(places.SANITIZER), reason="sanitizers change what is looked at here")


def run(*arguments, **more):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{arguments}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@only_plain
def test_the_binary_is_hardened():
    header = run("readelf", "--file-header", "--program-headers", "--dynamic", "--wide", places.WEIR)
    symbols = run("readelf", "--dyn-syms", "--wide", places.WEIR)
    assert "Position-Independent Executable" in header, "PIE"
    assert "GNU_RELRO" in header and "BIND_NOW" in header, "full RELRO"
    assert re.search(r"GNU_STACK .* RW ", header), "the stack is not executable"
    loaded = re.findall(r"^ *LOAD .* ([R ][W ][E ]) 0x", header, re.MULTILINE)
    assert len(loaded) > 2 and "RWE" not in loaded, "no memory is writable and executable"
    assert not re.search(r"TEXTREL|R(UN)?PATH", header), "no code is changed at start, no library comes from elsewhere"
    assert "__stack_chk_fail" in symbols, "stack protector"
    if os.environ.get("WEIR_PRESET", "release") == "release":
        assert re.search(r"__\w+_chk@", symbols), "_FORTIFY_SOURCE"


@only_plain
@pytest.mark.skipif(os.environ.get("WEIR_PRESET", "release") != "release", reason="what users run is the release build")
def test_every_file_is_compiled_with_the_hardening_flags():
    """The binary shows that the flags were there for some file; the compile commands show it for each."""
    commands = json.loads((places.WEIR.parent / "compile_commands.json").read_text())
    folders = {"base", "router", "metrics", "conf", "store", "control", "proxy"}
    product = [c for c in commands if pathlib.Path(c["file"]).relative_to(places.ROOT).parts[0] in folders]
    assert len(product) > 50
    wanted = ["-fPIE", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=3"]
    if platform.machine() == "x86_64":
        wanted += ["-fstack-clash-protection", "-fcf-protection=full"]
    for command in product:
        flags = command["command"].split()
        missing = [flag for flag in wanted if flag not in flags]
        assert re.search(r" -O[23] ", command["command"]), "without optimisation _FORTIFY_SOURCE does nothing"
        assert not missing, f"{command['file']} is compiled without {missing}"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", places.WEIR.parent, env={**os.environ, "DESTDIR": str(root)})
    return root


def found(root, pattern):
    paths = list(root.rglob(pattern))
    assert len(paths) == 1, f"{pattern}: {paths}"
    return paths[0]


def test_install_lays_down_the_program_its_manual_its_unit_and_its_examples(installed):
    assert run(found(installed, "bin/weir"), "--version").startswith("weir ")
    assert found(installed, "man/man1/weir.1").read_text().startswith(".")
    assert found(installed, "examples/table.json").read_text() == (EXAMPLES / "table.json").read_text()
    for name in ("LICENSE", "README.md", "CHANGELOG.md"):
        assert found(installed, name).stat().st_size > 0
    assert not (installed / "etc").exists(), "what an administrator wrote is never overwritten"


@pytest.mark.fast
def test_the_examples_are_valid():
    for name in sorted(path.name for path in EXAMPLES.glob("*table*.json")):
        run(places.WEIR, "check", "--table", name, cwd=EXAMPLES)
    for name in sorted(path.name for path in EXAMPLES.glob("*settings*.json")):
        run(places.WEIR, "check", "--reload", "--settings", name, cwd=EXAMPLES)


# ---- The systemd unit ----

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@needs_systemd
def test_the_unit_is_valid_and_confined(installed, tmp_path):
    unit = found(installed, "weir.service")
    text = unit.read_text()
    assert "@" not in "".join(unit_values(text, "ExecStart")), "every path is filled in"
    copy = tmp_path / "weir.service"  # verify wants the program to exist where the unit says
    copy.write_text(re.sub(r"/\S*/bin/weir ", f"{places.WEIR} ", text))
    run("systemd-analyze", "verify", "--man=no", copy)
    verdict = run("systemd-analyze", "security", "--offline=true", copy)
    exposure = re.search(r"Overall exposure level for weir.service: ([0-9.]+)", verdict)
    assert float(exposure[1]) <= 2.0, verdict


@needs_systemd
@only_plain
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_the_unit_allows_all_that_weir_does(installed, world, tmp_path):
    """Runs weir through a start, invocations, a reload and a drain under strace, and compares its system calls with the unit's
    filter, its sockets with the families allowed, its mappings with W^X."""
    from harness import tables
    from harness.processes import Process
    from harness.waiting import wait_until

    unit = found(installed, "weir.service").read_text()
    demo = world.demo("1")
    weir = world.weir(tables.split({"1": demo}, {"1": 100}))
    state = tmp_path / "state"
    state.mkdir()
    command = [places.WEIR, "run", "--settings", weir.settings_path, "--state", state]
    weir.stop()
    trace = tmp_path / "trace"
    traced = Process(tmp_path, "traced", ["strace", "-f", "-qq", "-o", trace, *command])
    try:
        wait_until(lambda: is_ready(weir) or not traced.is_running(), "weir under strace is ready")
        for _ in range(20):
            assert weir.invoke("hello", query="?Qualifier=live").status == 200
        assert weir.reload().status == 200
        assert weir.admin("/metrics").status == 200
        pid = int(pathlib.Path(f"/proc/{traced.pid}/task/{traced.pid}/children").read_text().split()[0])
        os.kill(pid, 15)
        assert traced.wait() == 0, traced.stderr()
    finally:
        traced.kill()

    lines = trace.read_text(errors="replace").splitlines()
    used = {match[1] for match in (re.match(r"\d+ +([a-z]\w*)\(", line) for line in lines) if match}
    assert "epoll_pwait" in used or "epoll_wait" in used
    # The program is started by systemd, before the filter has any say about what follows.
    # Where SQLite runs as root, which the unit does not, it gives its files to the owner of the database.
    assert used - {"execve", "fchown"} - allowed_calls(unit) == set()
    families = set(re.findall(r"socket\((AF_\w+)", "\n".join(lines)))
    assert families <= set(unit_values(unit, "RestrictAddressFamilies")[0].split())
    assert not [line for line in lines if "PROT_WRITE" in line and "PROT_EXEC" in line]


def is_ready(weir):
    try:
        return weir.admin("/readyz").status == 200
    except OSError:
        return False
