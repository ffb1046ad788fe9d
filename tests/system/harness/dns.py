"""A stand-in for a DNS server: authoritative for whatever a test says, over UDP and TCP on one port of the test's own address.

    dns = world.keep(Dns())
    dns.says("fn.test", "127.0.0.1", "::1", ttl=5)
    weir = world.weir(table, {"upstream": {"dns_servers": dns.server}})
"""

import ipaddress
import socket
import struct
import threading
import time

from .places import ADDRESS, free_port

A, AAAA, CNAME, SRV = 1, 28, 5, 33
KINDS = {A: "A", AAAA: "AAAA", CNAME: "CNAME", SRV: "SRV"}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
UDP_BYTES = 512


def _name(text):
    out = b""
    for label in text.rstrip(".").split("."):
        out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def _read_name(data, at):
    labels = []
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels).lower(), at + 1


class Dns:
    def __init__(self, address=ADDRESS):
        self.lock = threading.Lock()
        self.zone = {}  # name: (ttl, [(kind, data)], rcode, delay_s or None: no answer)
        self.log = []  # (kind, name) of each question
        self.rotates = False
        while True:
            self.address, self.port = address, free_port(address)
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.tcp = socket.socket()
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.udp.bind((self.address, self.port))
                self.tcp.bind((self.address, self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(64)
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self._serve_udp, self._serve_tcp)]
        for thread in self.threads:
            thread.start()

    @property
    def server(self):
        """For upstream.dns_servers."""
        return f"{self.address}:{self.port}"

    # What it says, from now on.

    def says(self, name, *addresses, ttl=60, delay_s=0):
        records = [(AAAA if ":" in a else A, ipaddress.ip_address(a).packed) for a in addresses]
        with self.lock:
            self.zone[name] = (ttl, records, NOERROR, delay_s)

    def serves(self, name, *records, ttl=60):
        """SRV records: (priority, weight, port, target)."""
        data = [(SRV, struct.pack("!HHH", p, w, port) + _name(target)) for p, w, port, target in records]
        with self.lock:
            self.zone[name] = (ttl, data, NOERROR, 0)

    def points(self, name, target, ttl=60):
        with self.lock:
            self.zone[name] = (ttl, [(CNAME, target)], NOERROR, 0)

    def fails(self, name, rcode=SERVFAIL):
        with self.lock:
            self.zone[name] = (0, [], rcode, 0)

    def drops(self, *names):
        with self.lock:
            for name in names:
                self.zone[name] = (0, [], NOERROR, None)

    def count(self, name, kind="A"):
        """How often it was asked."""
        with self.lock:
            return self.log.count((kind, name))

    # How it says it.

    def _answer(self, data, limit):
        if len(data) < 17:
            return None
        name, at = _read_name(data, 12)
        kind, _ = struct.unpack("!HH", data[at : at + 4])
        with self.lock:
            self.log.append((KINDS.get(kind, kind), name))
            records, rcode, delay_s = [], NXDOMAIN, 0
            where = name
            while where in self.zone:
                ttl, data_of, rcode, delay_s = self.zone[where]
                cnames = [d for k, d in data_of if k == CNAME]
                if not cnames:
                    mine = [(where, k, ttl, d) for k, d in data_of if k == kind]
                    turn = len(self.log) % len(mine) if mine and self.rotates else 0
                    records += mine[turn:] + mine[:turn]
                    break
                records.append((where, CNAME, ttl, _name(cnames[0])))
                where = cnames[0]
                rcode = NXDOMAIN
        if delay_s is None:
            return None
        time.sleep(delay_s)
        body = b"".join(_name(n) + struct.pack("!HHIH", k, 1, ttl, len(d)) + d for n, k, ttl, d in records)
        question = data[12 : at + 4]
        flags = 0x8580 | rcode  # an answer, authoritative, recursion asked for and had
        if 12 + len(question) + len(body) > limit:
            return data[:2] + struct.pack("!HHHHH", flags | 0x200, 1, 0, 0, 0) + question
        return data[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question + body

    def _serve_udp(self):
        while True:
            try:
                data, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            threading.Thread(target=self._answer_udp, args=(data, peer), daemon=True).start()

    def _answer_udp(self, data, peer):
        answer = self._answer(data, UDP_BYTES)
        if answer:
            try:
                self.udp.sendto(answer, peer)
            except OSError:
                pass

    def _serve_tcp(self):
        while True:
            try:
                sock, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_tcp, args=(sock,), daemon=True).start()

    def _answer_tcp(self, sock):
        with sock:
            try:
                while True:
                    head = sock.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    answer = self._answer(sock.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL), 65535)
                    if answer:
                        sock.sendall(struct.pack("!H", len(answer)) + answer)
            except OSError:
                return

    def stop(self):
        for sock in (self.udp, self.tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def kill(self):
        pass
