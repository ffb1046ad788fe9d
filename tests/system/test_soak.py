"""Mixed load for a while (harness/soak.py): memory and descriptors are back to the start, counters equal the endpoints'. WEIR_SOAK_SECONDS
says how long; `make soak MINUTES=10` runs it under AddressSanitizer."""

import os

import pytest
from harness.nomem import Nomem
from harness.places import SANITIZER, scaled
from harness.soak import Soak
from harness.waiting import wait_until_steady

SECONDS = float(os.environ.get("WEIR_SOAK_SECONDS", "20"))
# What the allocator keeps of what was freed: sanitizers hold freed memory back on purpose, AddressSanitizer as much as it is
# told here. By default that is more than a slow machine frees in the first quarter.
GROWTH_KIB = {"": 4096, "address": 64 * 1024, "thread": 64 * 1024}[SANITIZER]
HELD_BACK = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"}


GROWTH_ALLOCATIONS = 200


@pytest.mark.slow
def test_mixed_load_leaves_nothing_behind(world, record_property):
    nomem = None if SANITIZER else Nomem(world.folder / "nomem")  # it counts what is allocated
    soak = Soak(world, env=nomem.environment() if nomem else HELD_BACK)

    def nr_live():
        return wait_until_steady(lambda: nomem.live, "what is allocated") if nomem else 0

    soak.settle()
    nr_descriptors = wait_until_steady(soak.weir.nr_descriptors, "weir's descriptors")
    soak.run(max(SECONDS / 4, scaled(3, 5)))  # everything that is allocated once has been
    soak.settle()
    before, nr_live_before = (soak.weir.rss_kib(), nr_descriptors), nr_live()
    soak.run(SECONDS * 3 / 4)
    soak.settle()
    after = soak.weir.rss_kib(), wait_until_steady(soak.weir.nr_descriptors, "weir's descriptors")
    nr_live_after = nr_live()
    print(f"allocations: {nr_live_before} {nr_live_after};", soak.report(SECONDS, before, after))
    record_property("soak", soak.report(SECONDS, before, after))
    soak.check_counters()
    assert after[1] == nr_descriptors
    assert nr_live_after <= nr_live_before + GROWTH_ALLOCATIONS
    assert after[0] <= before[0] + GROWTH_KIB
