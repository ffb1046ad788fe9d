"""Mixed load for a while (harness/soak.py): memory and descriptors are back to the start, counters equal the endpoints'. WEIR_SOAK_SECONDS
says how long; `make soak MINUTES=10` runs it under AddressSanitizer."""

import os

import pytest
from harness.places import SANITIZER, scaled
from harness.soak import Soak
from harness.waiting import wait_until_steady

SECONDS = float(os.environ.get("WEIR_SOAK_SECONDS", "20"))
# What the allocator keeps of what was freed: sanitizers hold freed memory back on purpose.
GROWTH_KIB = {"": 4096, "address": 64 * 1024, "thread": 64 * 1024}[SANITIZER]


@pytest.mark.slow
def test_mixed_load_leaves_nothing_behind(world, record_property):
    soak = Soak(world)
    soak.settle()
    nr_descriptors = wait_until_steady(soak.weir.nr_descriptors, "weir's descriptors")
    soak.run(max(SECONDS / 4, scaled(3, 5)))  # everything that is allocated once has been
    soak.settle()
    before = soak.weir.rss_kib(), nr_descriptors
    soak.run(SECONDS * 3 / 4)
    soak.settle()
    after = soak.weir.rss_kib(), wait_until_steady(soak.weir.nr_descriptors, "weir's descriptors")
    print(soak.report(SECONDS, before, after))
    record_property("soak", soak.report(SECONDS, before, after))
    soak.check_counters()
    assert after[1] == nr_descriptors
    assert after[0] <= before[0] + GROWTH_KIB
