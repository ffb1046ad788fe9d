"""weir apply, to admin listeners that ask who you are: over TLS, by a certificate, a token or a signature; and what it says when it cannot."""

import json
import os
import socket
import subprocess
import threading

import pytest
from harness import tables
from harness.certificates import Authority
from harness.places import ADDRESS, WEIR, free_port
from harness.waiting import LIMIT_S

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TABLE = tables.split({"1": "http://127.0.0.1:1", "2": "http://127.0.0.1:2"}, {"1": 100})


@pytest.fixture
def place(world):
    return world.demo("1")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "tls")


def key(name="AKIDWEIR", secret=SECRET, allow=("invoke", "read", "write"), functions=("*",), **more):
    return {"access_key_id": name, "secret_access_key": secret, "allow": list(allow), "functions": list(functions), **more}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(0o600)
    return path


def start(world, place, settings):
    return world.weir(tables.split({"1": place}, {"1": 100}), settings)


def start_tls(world, place, settings):
    """The harness asks a plain /readyz: the log says when weir is ready."""
    weir = world.weir(tables.split({"1": place}, {"1": 100}), settings, wait=False)
    weir.wait_for_words("weir is ready")
    return weir


def apply(weir, *arguments, table=TABLE, admin=None, **environment):
    """The exit status, and what it wrote on both streams."""
    done = subprocess.run(
        [WEIR, "apply", "--table", "-", "--admin", admin or f"{ADDRESS}:{weir.admin_port}", *map(str, arguments)],
        input=json.dumps(table), capture_output=True, text=True, timeout=LIMIT_S, check=False,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, **environment},
    )
    assert SECRET not in done.stdout + done.stderr
    return done


def applied(*arguments, **more):
    done = apply(*arguments, **more)
    assert done.returncode == 0 and "is in force" in done.stdout, done.stderr
    return done


def refused(words, *arguments, **more):
    done = apply(*arguments, **more)
    assert done.returncode == 1 and words in done.stderr and not done.stdout, (done.stdout, done.stderr)
    return done


# ---- Signatures, tokens ----


def test_it_signs_with_a_key_of_a_file(world, place, tmp_path):
    keys = write(tmp_path / "keys.json", {"keys": [key("AKIDREADER", allow=["read"]), key("AKIDSOME", functions=["hello"]), key()]})
    weir = start(world, place, {"aws": {"credentials_file": str(keys)}})
    refused("403 Missing Authentication Token", weir)
    assert "--credentials-file" in refused("if it asks who you are", weir).stderr
    applied(weir, "--credentials-file", keys)
    wrong = write(tmp_path / "wrong.json", {"keys": [key(secret="another")]})
    refused("403 The request signature we calculated does not match", weir, "--credentials-file", wrong)
    refused("Credential should be scoped to a valid region, not 'eu-west-1'", weir, "--credentials-file", keys, "--region", "eu-west-1")
    none = write(tmp_path / "none.json", {"keys": [key(allow=["read"])]})
    refused('has no key that may "write" all functions', weir, "--credentials-file", none)
    refused("none.json", weir, "--credentials-file", write(tmp_path / "none.json", {"keys": [{}]}))
    refused("absent.json", weir, "--credentials-file", tmp_path / "absent.json")


@pytest.mark.parametrize("token", [None, "TOKEN/+="])
def test_it_signs_with_a_key_of_the_environment(world, place, tmp_path, token):
    keys = write(tmp_path / "keys.json", {"keys": [key(**({"session_token": token} if token else {}))]})
    weir = start(world, place, {"aws": {"credentials_file": str(keys), "region": "eu-west-1"}})
    mine = {"AWS_ACCESS_KEY_ID": "AKIDWEIR", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": token or ""}
    applied(weir, **mine, AWS_REGION="eu-west-1")
    applied(weir, **mine, AWS_DEFAULT_REGION="eu-west-1")
    applied(weir, "--region", "eu-west-1", **mine, AWS_REGION="us-west-2")
    refused("not 'us-east-1'", weir, **mine)
    refused("403 ", weir, **{**mine, "AWS_ACCESS_KEY_ID": "AKIDOTHER"}, AWS_REGION="eu-west-1")
    refused("blanks or line ends", weir, **{**mine, "AWS_ACCESS_KEY_ID": "A\r\nB"})


def test_it_shows_the_token(world, place, tmp_path):
    token = write(tmp_path / "token", "s3cret\n")
    weir = start(world, place, {"admin": {"token_file": str(token)}})
    applied(weir, "--token-file", token)
    refused("403 The security token included in the request is invalid.", weir, "--token-file", write(tmp_path / "other", "x"))
    refused("empty", weir, "--token-file", write(tmp_path / "empty", "\n"))


# ---- TLS ----


@pytest.fixture
def secure(world, place, authority, tmp_path):
    """weir whose admin listener speaks TLS; it knows a token, and certificates."""
    token = write(tmp_path / "token", "s3cret")
    pair = authority.issue("server", [f"IP:{ADDRESS}"])
    tls = {**pair.settings(), "client_ca": str(authority.file)}
    weir = start_tls(world, place, {"admin": {"tls": tls, "token_file": str(token), "hosts": "*"}})
    weir.token = token
    return weir


def test_it_goes_over_tls(secure, authority):
    trusted = ("--ca", authority.file, "--token-file", secure.token)
    applied(secure, *trusted)
    applied(secure, *trusted, admin=f"https://{ADDRESS}:{secure.admin_port}")
    refused("--ca and --certificate are for TLS", secure, *trusted, admin=f"http://{ADDRESS}:{secure.admin_port}")
    refused("say https:// in front of the address", secure, "--token-file", secure.token)


def test_a_certificate_is_shown(secure, authority, tmp_path):
    pair = authority.issue("operator")
    trusted = ("--ca", authority.file)
    applied(secure, *trusted, "--certificate", pair.certificate, "--key", pair.key)
    both = write(tmp_path / "both.pem", pair.certificate.read_text() + pair.key.read_text())
    applied(secure, *trusted, "--certificate", both)
    stranger = Authority(tmp_path / "stranger").issue("stranger")
    refused("", secure, *trusted, "--certificate", stranger.certificate, "--key", stranger.key)
    refused("403 Missing Authentication Token", secure, *trusted)
    refused("absent.pem", secure, *trusted, "--certificate", "absent.pem")
    refused("no certificate", secure, *trusted, "--certificate", pair.key)


def test_a_listener_that_is_not_trusted_hears_nothing(secure, authority, tmp_path):
    refused("the peer's certificate is not trusted", secure, "--token-file", secure.token, admin=f"https://{ADDRESS}:{secure.admin_port}")
    other = Authority(tmp_path / "other")
    refused("the peer's certificate is not trusted", secure, "--ca", other.file, "--token-file", secure.token)
    refused("absent.pem", secure, "--ca", "absent.pem", "--token-file", secure.token)


def test_the_certificate_must_be_for_the_host(world, place, authority, tmp_path):
    token = write(tmp_path / "token", "s3cret")
    pair = authority.issue("server", ["DNS:elsewhere.test"])
    weir = start_tls(world, place, {"admin": {"tls": pair.settings(), "token_file": str(token)}})
    refused(f"the peer's certificate is not for {ADDRESS}", weir, "--ca", authority.file, "--token-file", token)


def test_a_large_table_goes_over_tls(secure, authority):
    functions = {f"f{i}": {"versions": {"1": {"endpoints": ["http://127.0.0.1:1"]}}} for i in range(30000)}
    applied(secure, "--ca", authority.file, "--token-file", secure.token, table={"functions": functions})
    refused("$.functions.f", secure, "--ca", authority.file, "--token-file", secure.token, table={"functions": {**functions, "f": {"x": 1}}})


# ---- What does not work ----


def test_where_nobody_listens_it_says_so(world, place):
    refused("cannot be reached: Connection refused", None, admin=f"{ADDRESS}:{free_port()}")
    for wrong in (ADDRESS, "", ":9901", "ftp://x:1", "https://", "a b:1"):
        refused("is no address", None, admin=wrong or "-")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200", b"\x15\x03\x03\x00\x02\x02\x28"])
def test_other_servers_are_told_apart(answer):
    with socket.create_server((ADDRESS, 0)) as server:
        def serve():
            c, _ = server.accept()
            with c:
                c.recv(65536)
                c.sendall(answer)
                c.shutdown(socket.SHUT_WR)
                while c.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        refused("did not answer as an admin listener does", None, admin=f"{ADDRESS}:{server.getsockname()[1]}")
        thread.join()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--key", "k.pem"], "--key is given without --certificate"),
        (["--token-file", "t", "--credentials-file", "c"], "one of --token-file and --credentials-file is enough"),
        (["--ca"], "a value is missing behind --ca"),
        (["--cacert", "x"], "unknown option"),
    ],
)
def test_options_that_do_not_fit(arguments, words):
    done = apply(None, *arguments, admin="127.0.0.1:9")
    assert done.returncode == 2 and words in done.stderr
