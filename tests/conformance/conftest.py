"""Each profile of a suite runs once, all its cases at the same time, against one weir; every case is a test."""

import os
import pathlib

import pytest

from .proxies import Proxy

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITES = {}


def weir_binary():
    path = os.environ.get("WEIR_BIN", str(ROOT / "build" / "weir"))
    if not os.access(path, os.X_OK):
        pytest.fail("no weir at %s: run make build, or set WEIR_BIN" % path)
    return path


class Suite:
    """Runs the profiles of one suite, each when it is first asked for."""

    def __init__(self, runner, cases):
        self.runner = runner
        self.cases = cases
        self.done = {}

    def profile(self, name):
        if name not in self.done:
            binary = weir_binary()
            rows = [case for case in self.cases if case.group.profile == name]
            self.done[name] = self.runner.run(
                rows, lambda routes: Proxy("weir", routes, name, binary), timeout=20
            )
        return self.done[name]

    def check(self, case):
        """Fails with all complaints about the case."""
        complaints = self.profile(case.group.profile)[0][case]
        if complaints:
            pytest.fail(
                "%s\nsent: %r\n%s" % (case, case.bytes()[:2000], "\n".join(map(str, complaints))),
                pytrace=False,
            )

    def check_process(self, name):
        """Fails with all complaints about the process that served the profile."""
        general = self.profile(name)[1]
        if general:
            pytest.fail("\n".join(general), pytrace=False)


def suite(runner, cases):
    if runner not in SUITES:
        SUITES[runner] = Suite(runner, cases)
    return SUITES[runner]
