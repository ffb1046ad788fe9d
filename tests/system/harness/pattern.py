"""The body bytes that weir-demo generates and checks (tests/demo/pattern.c): byte i is BLOCK[i % len(BLOCK)]."""


def _make_block() -> bytes:
    letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    out = bytearray()
    x = 1
    for _ in range(65521):
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(letters[x >> 58])
    return bytes(out)


BLOCK = _make_block()
_RUN = BLOCK * 33  # so that any 2 MiB are one slice


def pattern(n: int, offset: int = 0) -> bytes:
    start = offset % len(BLOCK)
    if start + n <= len(_RUN):
        return _RUN[start : start + n]
    out = bytearray()
    while len(out) < n:
        out += pattern(min(n - len(out), 1 << 20), offset + len(out))
    return bytes(out)


class Checker:
    """A sink for body bytes that compares them with the pattern and keeps none."""

    def __init__(self):
        self.count = 0
        self.is_pattern = True

    def __call__(self, data: bytes):
        if self.is_pattern and data != pattern(len(data), self.count):
            self.is_pattern = False
        self.count += len(data)
