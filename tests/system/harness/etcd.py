"""A real etcd of the test's own, and relays to it that can stall or be cut."""

import base64
import json
import shutil
import signal
import socket
import threading
import urllib.error
import urllib.request

from .places import ADDRESS, free_port
from .processes import Process
from .waiting import wait_until


class Etcd(Process):
    """One member; its data lies in a folder, from start to start."""

    def __init__(self, folder, port=None, arguments=()):
        self.port = port or free_port()
        self.data = folder / "etcd"
        self.arguments = list(arguments)
        self.home = folder
        self.start()

    @property
    def url(self):
        return f"http://{ADDRESS}:{self.port}"

    def start(self):
        peer = f"http://{ADDRESS}:{free_port()}"
        command = ["etcd", "--data-dir", self.data, "--listen-client-urls", self.url, "--advertise-client-urls", self.url]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]
        command += ["--log-level", "error", "--unsafe-no-fsync"] if "--unsafe-no-fsync" in self.arguments else ["--log-level", "error"]
        super().__init__(self.home, "etcd-process", command)
        wait_until(self.answers, "etcd answers")

    def answers(self):
        try:
            self.ask("kv/range", key="x")
            return True
        except (OSError, urllib.error.URLError):
            return False

    def ask(self, path, **fields):
        """Keys and values as text."""
        for name in ("key", "range_end", "value"):
            if name in fields:
                fields[name] = base64.b64encode(fields[name].encode()).decode()
        request = urllib.request.Request(f"{self.url}/v3/{path}", json.dumps(fields).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def revision(self):
        return int(self.ask("kv/range", key="x")["header"]["revision"])

    def keys(self, prefix="/weir/"):
        found = self.ask("kv/range", key=prefix, range_end=prefix[:-1] + chr(ord(prefix[-1]) + 1))
        return {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv["value"]).decode() for kv in found.get("kvs", [])}

    def put(self, key, value):
        return self.ask("kv/put", key=key, value=value)

    def stop(self):
        if self.is_running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            self.wait()

    def lose_everything(self):
        """Its data are gone, and it is there again."""
        self.stop()
        shutil.rmtree(self.data)
        self.start()


class Relay:
    """From a port of its own to another one. passes: what comes goes on; stalls: connections stay, nothing goes on; is cut: there are
    no connections."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.port = free_port()
        self.lock = threading.Lock()
        self.passing = threading.Event()
        self.passing.set()
        self.pairs = set()
        self.is_over = False
        self.listener = None
        self.open()

    @property
    def url(self):
        return f"http://{ADDRESS}:{self.port}"

    def open(self):
        self.listener = socket.create_server((ADDRESS, self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stall(self):
        self.passing.clear()

    def cut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._drop_all()

    def heal(self):
        """As at first."""
        if self.listener.fileno() < 0:
            self.open()
        self.passing.set()

    def _drop_all(self):
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for sock in pair:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection((ADDRESS, self.target_port))
            except OSError:
                near.close()
                continue
            with self.lock:
                self.pairs.add((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        try:
            while data := source.recv(65536):
                self.passing.wait()
                sink.sendall(data)
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.passing.set()
        if self.listener.fileno() >= 0:
            self.cut()
        self._drop_all()

    def kill(self):
        """Threads that are still there end with the process."""
