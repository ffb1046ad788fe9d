"""Authorities and certificates for one test, made by the openssl program. Nothing of it is kept."""

import dataclasses
import pathlib
import ssl
import subprocess
import uuid


@dataclasses.dataclass
class Pair:
    """A certificate and its key, as files."""

    certificate: pathlib.Path
    key: pathlib.Path

    def settings(self):
        return {"certificate": str(self.certificate), "key": str(self.key)}

    def become(self, other):
        """Both files get another pair's content at one moment: their folder is a link, which is turned."""
        link = self.certificate.parent
        folder = link.with_name(f"{link.name}-{uuid.uuid4().hex}")
        folder.mkdir()
        (folder / self.key.name).write_bytes(other.key.read_bytes())
        (folder / self.certificate.name).write_bytes(other.certificate.read_bytes())
        new = folder.with_name(folder.name + "-link")
        new.symlink_to(folder)
        new.replace(link)

    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())


def openssl(*arguments, stdin=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


KINDS = {
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-newkey", "rsa:2048"],
}


class Authority:
    def __init__(self, folder, name="ca"):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
        self._make(self.pair, f"/CN={name}", "ec", ["basicConstraints=critical,CA:TRUE"], [])

    @property
    def file(self):
        return self.pair.certificate

    def issue(self, name, names=(), kind="ec", subject=None, usage=None):
        """A pair NAME.pem and NAME.key. names: alternative names such as "DNS:a.example"."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        extensions = ["basicConstraints=CA:FALSE"]
        if names:
            extensions.append("subjectAltName=" + ",".join(names))
        if usage:
            extensions.append(f"extendedKeyUsage={usage}")
        issuer = ["-CA", self.pair.certificate, "-CAkey", self.pair.key]
        self._make(pair, subject or f"/CN={name}", kind, extensions, issuer)
        return pair

    @staticmethod
    def _make(pair, subject, kind, extensions, issuer):
        # Without a configuration file: what the system's says differs from one to the next.
        command = ["req", "-x509", "-nodes", "-config", "/dev/null", "-days", "2", "-subj", subject, *KINDS[kind], *issuer]
        command += ["-keyout", pair.key, "-out", pair.certificate]
        for extension in extensions:
            command += ["-addext", extension]
        openssl(*command)
