"""What a systemd unit says, and what its system call filters mean."""

import re
import subprocess


def unit_values(unit, key):
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


def calls_in(groups):
    """The names of the system calls in a SystemCallFilter's words."""
    names = set()
    for word in groups:
        if word.startswith("@"):
            command = ["systemd-analyze", "syscall-filter", word]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            lines = [line.strip() for line in done.stdout.splitlines()[1:]]
            names |= calls_in([line for line in lines if line and not line.startswith("#")])
        else:
            names.add(word)
    return names


def allowed_calls(unit):
    allowed = calls_in(["@default"])
    for value in unit_values(unit, "SystemCallFilter"):
        if value.startswith("~"):
            allowed -= calls_in(value[1:].split())
        else:
            allowed |= calls_in(value.split())
    return allowed
