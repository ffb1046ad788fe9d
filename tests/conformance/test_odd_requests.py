"""weir rejects what is odd and forwards what is valid: see tables/request_*.py."""

import pytest

from . import odd
from .cases import number
from .conftest import suite
from .tables import ODD_REQUESTS

CASES = number(ODD_REQUESTS)
PROFILES = sorted({case.group.profile for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_odd_request(case):
    suite(odd, CASES).check(case)


@pytest.mark.parametrize("profile", PROFILES)
def test_weir_survives_odd_requests(profile):
    suite(odd, CASES).check_process(profile)


def test_there_are_enough_odd_requests():
    assert len(CASES) >= 2000
    assert len(ODD_REQUESTS) >= 20
