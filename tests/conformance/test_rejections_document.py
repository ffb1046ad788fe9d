"""docs/rejections.md says what the tables say."""

import pathlib
import re

from .tables import MISBEHAVING, ODD_REQUESTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "rejections.md").read_text()
ERRORS = ("reject", "abort", "refuse")


def rows(heading):
    """The rows of the table below a heading: first cell without its backticks -> the other cells."""
    section = TEXT.split("\n## " + heading + "\n")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        match = re.fullmatch(r"\|? ?`([^`]+)`", cells[0])
        if match:
            assert match[1] not in found, "%s stands twice" % match[1]
            found[match[1]] = cells[1:]
    return found


def demanded():
    """rule -> statuses, for the cases that leave no choice; and whether the connection must be closed."""
    rules = {}
    for group in ODD_REQUESTS:
        for case in group.cases:
            if all(e.kind in ERRORS and e.rule and e.rule == case.expects[0].rule for e in case.expects):
                first = case.expects[0]
                statuses, kinds = rules.setdefault(first.rule, (set(), set()))
                statuses.add(first.statuses[0])
                kinds.add(first.kind)
    return rules


def test_every_rule_is_documented_and_every_documented_rule_is_tested():
    assert set(rows("Requests that break HTTP")) == set(demanded())


def test_statuses_of_the_rules_are_as_documented():
    documented = rows("Requests that break HTTP")
    for rule, (statuses, kinds) in demanded().items():
        cell = documented[rule][1]
        assert {int(n) for n in re.findall(r"\d{3}", cell)} == statuses, rule
        if "refuse" not in kinds:
            assert "closes" in cell, rule


def test_every_reason_is_documented():
    header = (ROOT / "metrics" / "metrics.h").read_text()
    listed = header.split("#define METRICS_REJECTIONS(X)")[1].split("\n\n")[0]
    labels = re.findall(r'X\(\w+, "(\w+)"', listed)
    assert labels
    assert set(rows("Requests that HTTP allows and weir does not serve")) == set(labels)


def test_every_class_of_responses_is_documented():
    documented = rows("Responses")
    for group in MISBEHAVING:
        statuses = {e.statuses[0] for case in group.cases for e in case.expects[:1] if e.kind == "bad"}
        # Groups in which an endpoint does nothing wrong have nothing to say here.
        if statuses or group.name in documented:
            cell = documented[group.name][1]
            assert {int(n) for n in re.findall(r"\d{3}", cell)} == statuses, group.name
    assert set(documented) <= {group.name for group in MISBEHAVING}
