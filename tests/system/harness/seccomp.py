"""Runs a program under a seccomp filter made of a systemd unit's directives: python3 seccomp.py UNIT PROGRAM ARGUMENT...

Where systemd would let a forbidden call fail, the program is killed here, so that no call can fail unnoticed. The filter covers SystemCallFilter,
RestrictAddressFamilies, MemoryDenyWriteExecute, RestrictNamespaces, and SystemCallArchitectures=native (seccomp(2), systemd.exec(5))."""

import ctypes
import errno
import mmap
import os
import pathlib
import platform
import re
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness.systemd import allowed_calls, unit_values  # noqa: E402

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LOAD, JUMP_EQUAL, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x45, 0x54, 0x06
AT_NUMBER, AT_ARCHITECTURE, AT_ARGUMENTS = 0, 4, 16
NEW_NAMESPACES = 0x7E020000 | 0x80  # CLONE_NEW*


def numbers():
    """The system calls' numbers, by name, as the compiler's headers have them."""
    command = ["cc", "-dM", "-E", "-include", "sys/syscall.h", "-x", "c", "/dev/null"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {match[1]: int(match[2]) for match in re.finditer(r"^#define __NR_(\w+) (\d+)$", text, re.MULTILINE)}


def argument(i):
    """The low half: all that is looked at are numbers below 2^32."""
    return AT_ARGUMENTS + 8 * i


class Filter:
    def __init__(self):
        self.code = []

    def add(self, code, k, if_true=0, if_false=0):
        self.code.append(struct.pack("HBBI", code, if_true, if_false, k))

    def end(self, what):
        self.add(RETURN, what)

    def only_for(self, number, body):
        """body(filter) for one system call; it must end in every case."""
        part = Filter()
        body(part)
        self.add(LOAD, AT_NUMBER)
        self.add(JUMP_EQUAL, number, 0, len(part.code))
        self.code += part.code

    def install(self):
        libc = ctypes.CDLL(None, use_errno=True)
        program = ctypes.create_string_buffer(b"".join(self.code))
        header = struct.pack("HxxxxxxQ", len(self.code), ctypes.addressof(program))
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0):
            raise OSError(ctypes.get_errno(), "seccomp")


def check_families(unit):
    families = [int(getattr(socket, name)) for name in unit_values(unit, "RestrictAddressFamilies")[0].split()]

    def body(f):
        f.add(LOAD, argument(0))
        for family in families:
            f.add(JUMP_EQUAL, family, 0, 1)
            f.end(ALLOW)
        f.end(KILL)

    return body


def refuse_write_and_execute(f):
    both = mmap.PROT_WRITE | mmap.PROT_EXEC
    f.add(LOAD, argument(2))
    f.add(AND, both)
    f.add(JUMP_EQUAL, both, 0, 1)
    f.end(KILL)
    f.end(ALLOW)


def refuse_execute(f):
    f.add(LOAD, argument(2))
    f.add(JUMP_ANY_BIT, mmap.PROT_EXEC, 0, 1)
    f.end(KILL)
    f.end(ALLOW)


def refuse_namespaces(f):
    f.add(LOAD, argument(0))
    f.add(JUMP_ANY_BIT, NEW_NAMESPACES, 0, 1)
    f.end(KILL)
    f.end(ALLOW)


def make_filter(unit):
    number = numbers()
    f = Filter()
    f.add(LOAD, AT_ARCHITECTURE)
    f.add(JUMP_EQUAL, ARCHITECTURES[platform.machine()], 1, 0)
    f.end(KILL)
    f.only_for(number["socket"], check_families(unit))
    f.only_for(number["mmap"], refuse_write_and_execute)
    f.only_for(number["mprotect"], refuse_execute)
    f.only_for(number["clone"], refuse_namespaces)
    f.only_for(number["unshare"], refuse_namespaces)
    f.only_for(number["setns"], lambda part: part.end(KILL))
    # Its flags lie in memory, where no filter sees them; the C library then takes clone.
    f.only_for(number["clone3"], lambda part: part.end(ERRNO | errno.ENOSYS))
    f.add(LOAD, AT_NUMBER)
    for name in sorted(allowed_calls(unit) & number.keys()):
        f.add(JUMP_EQUAL, number[name], 0, 1)
        f.end(ALLOW)
    f.end(KILL)
    return f


if __name__ == "__main__":
    make_filter(pathlib.Path(sys.argv[1]).read_text()).install()
    os.execv(sys.argv[2], sys.argv[2:])
