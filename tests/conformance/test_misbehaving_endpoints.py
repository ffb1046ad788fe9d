"""No endpoint makes weir tell its client something false: see tables/responses.py."""

import pytest

from . import misbehaving
from .cases import number
from .conftest import suite
from .tables import MISBEHAVING

CASES = number(MISBEHAVING)
PROFILES = sorted({case.group.profile for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_misbehaving_endpoint(case):
    suite(misbehaving, CASES).check(case)


@pytest.mark.parametrize("profile", PROFILES)
def test_weir_survives_misbehaving_endpoints(profile):
    suite(misbehaving, CASES).check_process(profile)


def test_there_are_enough_misbehaving_endpoints():
    assert len(CASES) >= 1000
    assert len(MISBEHAVING) >= 15
