"""Fixtures of the whole-program tests. Whatever a test starts ends with it, and must have ended well: weir with status 0,
without an error in its log or a sanitizer's report, endpoints without having seen a malformed request."""

import itertools
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import places, tables  # noqa: E402
from harness.fake import Fake, answering  # noqa: E402
from harness.processes import Demo, Weir  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "fast: part of the inner loop (make check-fast)")
    config.addinivalue_line("markers", "slow: takes seconds")


def pytest_report_header():
    return f"weir: {places.WEIR} ({places.SANITIZER or 'no'} sanitizer), own address {places.ADDRESS}"


def pytest_sessionstart(session):
    for program in (places.WEIR, places.DEMO, places.LOAD):
        if not program.exists():
            raise pytest.UsageError(f"{program} is missing: build it, or set WEIR_BIN")


class World:
    """Starts things for one test (or one module) and ends them in reverse order."""

    def __init__(self, folder):
        self.folder = folder
        self.things = []
        self.numbers = itertools.count(1)

    def demo(self, version="1", do=None, **more):
        return self.keep(Demo(self.folder / "endpoints", version, do, **more))

    def fake(self, handler=answering()):
        return self.keep(Fake(handler))

    def weir(self, table, settings=None, **more):
        return self.keep(Weir(self.folder / f"weir-{next(self.numbers)}", table, settings, **more))

    def load(self, weir, **more):
        return self.keep(weir.load(**more))

    def keep(self, thing):
        """Takes over the end of something that was started elsewhere."""
        self.things.append(thing)
        return thing

    def end(self):
        trouble = []
        for thing in reversed(self.things):
            try:
                if isinstance(thing, Demo) and thing.is_running():
                    malformed = thing.count()["malformed"]
                    assert malformed == 0, f"{thing.name} got {malformed} malformed requests"
                if isinstance(thing, Weir):
                    thing.end()
                elif not isinstance(thing, Demo) or thing.is_running():
                    thing.stop()
            except BaseException as e:  # the others must end too
                trouble.append(e)
            finally:
                if not isinstance(thing, Fake):
                    thing.kill()
        self.things.clear()
        if trouble:
            raise trouble[0]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.end()


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory):
    """For tests that need nothing of their own but connections."""
    world = World(tmp_path_factory.mktemp("shared"))
    yield world
    world.end()


@pytest.fixture(scope="module")
def plain(shared_world):
    """weir with default settings, every request going to version 1 of hello, which is the endpoint .demo."""
    demo = shared_world.demo("1")
    weir = shared_world.weir(tables.one(demo))
    weir.demo = demo
    return weir


@pytest.fixture(scope="session")
def sdk(tmp_path_factory):
    """A folder in which the AWS SDK for JavaScript is installed."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("sdk")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, "@aws-sdk/client-lambda@3"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("npm takes too long to install the SDK")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the SDK: {done.stderr.decode(errors='replace')[-200:]}")
    return pathlib.Path(folder)
