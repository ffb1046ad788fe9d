"""Programs whose name look-ups a test answers: weir-resolver.so (tests/resolver/resolver.c) preloaded, and the file it reads."""

import os

from .places import SANITIZER, WEIR

LIBRARY = WEIR.parent / "weir-resolver.so"


class Resolver:
    def __init__(self, path, **names):
        assert LIBRARY.exists(), f"{LIBRARY} is missing: build the target weir-resolver"
        self.path = path
        self.answer(**names)

    def answer(self, **names):
        """From now on NAME.test has these addresses: a list (empty: the name is not known), or ["hang"]."""
        lines = [" ".join([f"{name}.test", *addresses]) + "\n" for name, addresses in names.items()]
        fresh = self.path.with_suffix(".new")
        fresh.write_text("".join(lines))
        os.replace(fresh, self.path)

    def environment(self):
        out = {**os.environ, "WEIR_RESOLVER": str(self.path), "LD_PRELOAD": str(LIBRARY)}
        if SANITIZER == "address":
            out["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        return out
