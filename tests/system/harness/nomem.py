"""Programs whose allocations fail when told to: weir-nomem.so (tests/nomem/nomem.c) preloaded, and its orders in a mapped file."""

import mmap
import os
import struct

from .places import SANITIZER, WEIR

LIBRARY = WEIR.parent / "weir-nomem.so"
FIELDS = ("left", "run", "failed", "live", "total")
SIZE = 8 * len(FIELDS)


class Nomem:
    """The orders to one program, and its counts."""

    def __init__(self, path, left=0, run=1, leaks=True):
        self.path = path
        self.leaks = leaks  # whether the sanitizer looks for leaks at the end
        path.write_bytes(struct.pack("5q", left, run, 0, 0, 0))
        with open(path, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), SIZE)

    def environment(self):
        out = {**os.environ, "WEIR_NOMEM": str(self.path), "LD_PRELOAD": str(LIBRARY)}
        if SANITIZER == "address":
            more = f"verify_asan_link_order=0:allocator_may_return_null=1:detect_leaks={self.leaks:d}"
            if not self.leaks:  # who looks for none also knows the sanitizer's own failures, by what it prints
                more += ":log_path=stderr"
            out["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), more]))
        return out

    def __getattr__(self, name):
        if name in FIELDS:
            return struct.unpack_from("q", self.memory, 8 * FIELDS.index(name))[0]
        raise AttributeError(name)

    def _put(self, name, value):
        struct.pack_into("q", self.memory, 8 * FIELDS.index(name), value)

    def arm(self, n, run=1):
        """The n-th allocation from now on fails, and run - 1 more after it."""
        self._put("failed", 0)
        self._put("run", run)
        self._put("left", n)

    def disarm(self):
        """How many allocations have failed."""
        self._put("left", 0)
        return self.failed
