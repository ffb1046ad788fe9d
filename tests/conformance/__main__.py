"""Runs the suites against one proxy and prints what differs:
python3 -m conformance weir|nginx|haproxy [--only GROUP]..."""

import argparse
import os
import sys

from . import misbehaving, odd
from .cases import number
from .proxies import Proxy
from .tables import MISBEHAVING, ODD_REQUESTS


def by_profile(cases):
    profiles = {}
    for case in cases:
        profiles.setdefault(case.group.profile, []).append(case)
    return profiles


def run_suite(suite, groups, kind, binary, only, timeout):
    cases = [c for c in number(groups) if not only or c.group.name in only]
    verdicts, general = {}, []
    for profile, rows in by_profile(cases).items():
        found, complaints = suite.run(rows, lambda routes, p=profile: Proxy(kind, routes, p, binary), timeout)
        verdicts.update(found)
        general += complaints
    return verdicts, general


def report(title, groups, verdicts, general, verbose):
    print("## " + title)
    print("%-22s %6s %6s %6s %7s" % ("group", "cases", "pass", "differ", "unsafe"))
    totals = [0, 0, 0, 0]
    for group in groups:
        rows = [verdicts[c] for c in group.cases if c in verdicts]
        if not rows:
            continue
        unsafe = sum(any(c.unsafe for c in r) for r in rows)
        passed = sum(not r for r in rows)
        numbers = [len(rows), passed, len(rows) - passed - unsafe, unsafe]
        totals = [a + b for a, b in zip(totals, numbers)]
        print("%-22s %6d %6d %6d %7d" % (group.name, *numbers))
    print("%-22s %6d %6d %6d %7d" % ("all", *totals))
    for text in general:
        print("general:", text)
    for case, complaints in verdicts.items():
        if complaints and (verbose or any(c.unsafe for c in complaints)):
            print("- %s [%s]" % (case, case.tag.decode()))
            for complaint in complaints:
                print("    %s" % complaint)
            if verbose > 1:
                print("    sent %r" % case.bytes()[:600])


def main():
    parser = argparse.ArgumentParser(prog="conformance")
    parser.add_argument("proxy", choices=("weir", "nginx", "haproxy"))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--timeout", type=float, default=3)
    parser.add_argument("-v", dest="verbose", action="count", default=0)
    args = parser.parse_args()
    binary = os.environ.get("WEIR_BIN", "../build/weir") if args.proxy == "weir" else None
    failed = False
    for suite, title, groups in (
        (odd, "odd requests", ODD_REQUESTS),
        (misbehaving, "misbehaving endpoints", MISBEHAVING),
    ):
        verdicts, general = run_suite(suite, groups, args.proxy, binary, args.only, args.timeout)
        report(title, groups, verdicts, general, args.verbose)
        failed |= bool(general) or any(verdicts.values())
    return 1 if failed else 0


sys.exit(main())
