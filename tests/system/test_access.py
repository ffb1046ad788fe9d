"""Who may use the admin listener: access keys by which stock AWS clients sign, a token, client certificates; and what changes when
their files change."""

import datetime
import json
import os
import ssl
import subprocess
import urllib.request

import pytest
from harness import tables
from harness.certificates import Authority
from harness.places import ADDRESS, WEIR, free_port
from harness.tls import TlsConnection, client_context
from harness.waiting import LIMIT_S, wait_until

botocore = pytest.importorskip("botocore", reason="python3-botocore is not installed")
import botocore.auth  # noqa: E402
import botocore.awsrequest  # noqa: E402
import botocore.client  # noqa: E402
import botocore.config  # noqa: E402
import botocore.credentials  # noqa: E402
import botocore.session  # noqa: E402

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ALL = ["invoke", "read", "write"]
ALIAS = "/2015-03-31/functions/hello/aliases/live"


def key(name="AKIDWEIR", secret=SECRET, allow=ALL, functions=("*",), **more):
    return {"access_key_id": name, "secret_access_key": secret, "allow": list(allow), "functions": list(functions), **more}


def write(path, keys, mode=0o600):
    """Puts a credentials file in place by renaming."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": keys}))
    fresh.chmod(mode)
    os.replace(fresh, path)


@pytest.fixture
def place(world):
    return world.demo("1")


@pytest.fixture
def guarded(world, place, tmp_path):
    """weir with access keys; .keys is their file."""
    path = tmp_path / "keys.json"
    write(path, [key()])
    weir = start(world, place, {"aws": {"credentials_file": str(path)}})
    weir.keys = path
    return weir


def start(world, place, settings):
    return world.weir(tables.split({"1": place, "2": place}, {"1": 100}), settings)


def client(weir, name="AKIDWEIR", secret=SECRET, token=None, region="us-east-1", port=None):
    session = botocore.session.Session()
    session.set_credentials(name, secret, token)
    config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=LIMIT_S, read_timeout=LIMIT_S)
    return session.create_client(
        "lambda", region_name=region, endpoint_url=f"http://{ADDRESS}:{port or weir.admin_port}", config=config
    )


def refused(call, **arguments):
    """Code, status and message of the error that a call raises."""
    with pytest.raises(botocore.client.ClientError) as info:
        call(**arguments)
    response = info.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def get_alias(client):
    return client.get_alias(FunctionName="hello", Name="live")


def error_of(client):
    return refused(client.get_alias, FunctionName="hello", Name="live")


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


# ---- Access keys ----


@pytest.mark.fast
def test_a_stock_client_with_the_right_key_is_served(guarded):
    right = client(guarded)
    assert get_alias(right)["FunctionVersion"] == "1"
    changed = right.update_alias(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:hello", Name="live", FunctionVersion="2")
    assert changed["FunctionVersion"] == "2"
    assert [a["Name"] for a in right.list_aliases(FunctionName="hello", MaxItems=1)["Aliases"]] == ["live"]


def test_wrong_secrets_unknown_keys_and_other_regions_get_the_errors_of_aws(guarded):
    code, status, message = error_of(client(guarded, secret="x" + SECRET))
    assert (code, status) == ("InvalidSignatureException", 403)
    assert message.startswith("The request signature we calculated does not match the signature you provided.")
    code, status, message = error_of(client(guarded, name="AKIDOTHER"))
    assert (code, status) == ("UnrecognizedClientException", 403)
    assert message == "The security token included in the request is invalid."
    assert error_of(client(guarded, token="a-token"))[0] == "UnrecognizedClientException"
    code, status, message = error_of(client(guarded, region="eu-west-1"))
    assert (code, status, message) == (
        "InvalidSignatureException",
        403,
        "Credential should be scoped to a valid region, not 'eu-west-1'",
    )
    assert get_alias(client(guarded))["FunctionVersion"] == "1"


def test_a_client_whose_clock_is_wrong_is_told_both_times(guarded, monkeypatch):
    real = datetime.datetime

    def turn_clock(minutes):
        class Clock(real):
            @classmethod
            def utcnow(cls):
                return real.utcnow() + datetime.timedelta(minutes=minutes)

            @classmethod
            def now(cls, tz=None):
                return real.now(tz) + datetime.timedelta(minutes=minutes)

        monkeypatch.setattr(botocore.auth.datetime, "datetime", Clock)

    turn_clock(-6)
    code, status, message = error_of(client(guarded))
    assert (code, status) == ("InvalidSignatureException", 403)
    assert message.startswith("Signature expired: ") and message.endswith(" - 5 min.)")
    turn_clock(6)
    code, status, message = error_of(client(guarded))
    assert message.startswith("Signature not yet current: ") and message.endswith(" + 5 min.)")
    turn_clock(4)
    assert get_alias(client(guarded))["FunctionVersion"] == "1"


@pytest.mark.fast
def test_only_probes_are_answered_without_a_key(guarded):
    for path in ("/healthz", "/readyz"):
        assert guarded.admin(path).status == 200
    for method, path in [
        ("GET", "/metrics"),
        ("GET", "/table"),
        ("GET", "/settings"),
        ("GET", "/nothing"),
        ("POST", "/reload"),
        ("GET", ALIAS),
        ("PUT", "/functions/hello/aliases/live"),
    ]:
        answer = guarded.admin(path, method, b"{}" if method != "GET" else None, [("Content-Type", "application/json")])
        assert answer.status == 403, (method, path, answer)
        assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
        assert answer.json() == {"message": "Missing Authentication Token"}
        assert "date" in answer.headers


def test_rights_and_functions_limit_a_key(world, place, tmp_path):
    path = tmp_path / "keys.json"
    write(
        path,
        [
            key("READER", allow=["read"]),
            key("OTHER", functions=["hell", "other-*"]),
            key("OWNER", allow=["read", "write"], functions=["hel*"]),
        ],
    )
    weir = start(world, place, {"aws": {"credentials_file": str(path), "account_id": "123456789012"}})
    reader, other, owner = (client(weir, name) for name in ("READER", "OTHER", "OWNER"))
    update = {"FunctionName": "hello", "Name": "live", "FunctionVersion": "2"}
    assert get_alias(reader)["FunctionVersion"] == "1"
    assert refused(reader.update_alias, **update) == (
        "AccessDeniedException",
        403,
        "User: arn:aws:iam::123456789012:user/READER is not authorized to perform: lambda:UpdateAlias on resource: "
        "arn:aws:lambda:us-east-1:123456789012:function:hello",
    )
    assert error_of(other)[0] == "AccessDeniedException"
    assert owner.update_alias(**update)["FunctionVersion"] == "2"


def presign(weir, method="GET", path=ALIAS, body=b"", expires=300):
    request = botocore.awsrequest.AWSRequest(method, f"http://{ADDRESS}:{weir.admin_port}{path}", data=body)
    credentials = botocore.credentials.Credentials("AKIDWEIR", SECRET)
    botocore.auth.SigV4QueryAuth(credentials, "lambda", "us-east-1", expires).add_auth(request)
    return request.url


def open_url(url, method="GET", body=None, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}, method=method), timeout=LIMIT_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)


def test_a_presigned_url_is_a_key_for_one_request(guarded):
    url = presign(guarded)
    assert open_url(url)[0] == 200
    status, answer = open_url(url.replace("aliases/live", "aliases/dead"))
    assert status == 403 and "does not match" in answer["message"]
    status, answer = open_url(presign(guarded, "PUT"), "PUT", b'{"FunctionVersion": "2"}', {"Content-Type": "application/json"})
    assert status == 403 and "does not match" in answer["message"], "botocore's presigned URLs are for an empty body"


def test_a_body_must_be_the_one_that_was_signed(guarded):
    body = b'{"FunctionVersion": "2"}'
    request = botocore.awsrequest.AWSRequest("PUT", f"http://{ADDRESS}:{guarded.admin_port}{ALIAS}", data=body)
    request.headers["Content-Type"] = "application/json"
    botocore.auth.SigV4Auth(botocore.credentials.Credentials("AKIDWEIR", SECRET), "lambda", "us-east-1").add_auth(request)
    headers = list(request.headers.items())
    other = guarded.admin(ALIAS, "PUT", body.replace(b"2", b"1"), headers, host=f"{ADDRESS}:{guarded.admin_port}")
    assert other.status == 403 and "does not match" in other.json()["message"]


def test_keys_that_change_are_in_force_at_once(guarded):
    old, new = client(guarded), client(guarded, "AKIDNEW", "other")
    assert get_alias(old)["FunctionVersion"] == "1"
    write(guarded.keys, [key("AKIDNEW", "other")])

    def is_new():
        try:
            return get_alias(new)
        except botocore.client.ClientError:
            return None

    wait_until(is_new, "the new key is known")
    assert error_of(old)[0] == "UnrecognizedClientException"
    generation = new.get_alias(FunctionName="hello", Name="live")["RevisionId"]
    guarded.allow_error("reload rejected")
    guarded.keys.write_text('{"keys": [{"access_key_id": "AKIDNEW", "secret_access_key" "hush hush"}]}')
    guarded.wait_for_words("reload rejected")
    assert get_alias(new)["RevisionId"] == generation, "what was in force stays"
    assert "hush" not in guarded.stderr()


def test_a_file_that_others_can_read_is_named_in_the_log(world, place, tmp_path):
    path = tmp_path / "keys.json"
    write(path, [key()], mode=0o644)
    weir = start(world, place, {"aws": {"credentials_file": str(path)}})
    weir.wait_for_words(f"{path} has secrets in it")
    assert SECRET not in weir.stderr()


# ---- The token ----


@pytest.mark.fast
def test_the_token_may_do_everything(world, place, tmp_path):
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    weir = start(world, place, {"admin": {"token_file": str(path)}})
    assert weir.admin("/table").status == 403
    assert weir.admin("/table", headers=bearer("s3cre")).headers["x-amzn-errortype"] == "UnrecognizedClientException"
    settings = weir.admin("/settings", headers=bearer("s3cret"))
    assert settings.json()["admin"]["token_file"] == str(path)
    assert b"s3cret" not in settings.body
    change = weir.admin(
        "/functions/hello/aliases/live", "PUT", b'{"weights": {"2": 100}}', bearer("s3cret") + [("Content-Type", "application/json")]
    )
    assert change.status == 200, change.body
    assert weir.call().headers["x-amz-executed-version"] == "2"
    path.write_text("another\n")
    wait_until(lambda: weir.admin("/table", headers=bearer("another")).status == 200, "the new token is in force")
    assert weir.admin("/table", headers=bearer("s3cret")).status == 403
    assert "s3cret" not in weir.stderr() and "another" not in weir.stderr()


def test_a_large_table_is_taken_from_those_alone_who_may_send_it(world, place, tmp_path):
    path = tmp_path / "token"
    path.write_text("a-token-of-this-test\n")
    path.chmod(0o600)
    weir = start(world, place, {"admin": {"token_file": str(path)}})
    table = json.dumps(tables.split({"1": place}, {"1": 100})).encode() + b" " * 3 * 1024 * 1024
    json_type = [("Content-Type", "application/json")]
    assert weir.admin("/table", "PUT", table, json_type).status == 413
    assert weir.admin("/table", "PUT", table, json_type + bearer("a-token-of-this-test")).status == 200


def test_settings_may_name_another_file_of_secrets(world, place, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("one")
    second.write_text("two")
    weir = start(world, place, {"admin": {"token_file": str(first)}})
    weir.settings["admin"]["token_file"] = str(second)
    weir.settings_path.write_text(json.dumps(weir.settings))
    wait_until(lambda: weir.admin("/table", headers=bearer("two")).status == 200, "the second file is read")
    second.write_text("three")
    wait_until(lambda: weir.admin("/table", headers=bearer("three")).status == 200, "the second file is followed")


# ---- TLS ----


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def ask(weir, context, target="/table", headers=()):
    with TlsConnection(weir.admin_port, context, "admin.test") as c:
        c.send_request("GET", target, headers=headers)
        return c.read_answer("GET")


def tls_settings(authority, tmp_path, **more):
    token = tmp_path / "token"
    token.write_text("s3cret")
    pair = authority.issue("admin", names=["DNS:admin.test"])
    return {"admin": {"hosts": "*", "token_file": str(token), "tls": {**pair.settings(), **more}}}


def start_tls(world, place, settings):
    """The harness asks a plain /readyz: the log says when weir is ready."""
    weir = world.weir(tables.split({"1": place, "2": place}, {"1": 100}), settings, wait=False)
    weir.wait_for_words("weir is ready")
    return weir


def test_the_admin_listener_speaks_tls_and_takes_client_certificates(world, place, tmp_path, authority):
    weir = start_tls(world, place, tls_settings(authority, tmp_path, client_ca=str(authority.file)))
    assert f"admin on https://{ADDRESS}" in weir.stderr()
    plain = client_context(authority)
    assert ask(weir, plain, "/readyz").status == 200
    assert ask(weir, plain).status == 403
    assert ask(weir, plain, headers=bearer("s3cret")).status == 200
    own = client_context(authority, certificate=authority.issue("operator"))
    assert ask(weir, own).status == 200
    strange = Authority(tmp_path / "other")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(weir, client_context(authority, certificate=strange.issue("stranger")))


def test_client_certificates_may_be_required(world, place, tmp_path, authority):
    weir = start_tls(world, place, tls_settings(authority, tmp_path, client_ca=str(authority.file), client_required=True))
    own = client_context(authority, certificate=authority.issue("operator"))
    assert ask(weir, own).status == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(weir, client_context(authority), "/readyz")


# ---- weir check ----


def check(tmp_path, place, settings):
    table, path = tmp_path / "table.json", tmp_path / "settings.json"
    table.write_text(json.dumps(tables.one(place)))
    path.write_text(json.dumps({"table": {"file": str(table)}, **settings}))
    done = subprocess.run([WEIR, "check", "--settings", path], capture_output=True, text=True, timeout=LIMIT_S)
    return done.returncode, done.stderr


@pytest.mark.fast
def test_weir_check_refuses_an_admin_listener_that_anybody_may_use(tmp_path, place):
    open_address = {"admin": {"address": f"0.0.0.0:{free_port()}"}}
    status, text = check(tmp_path, place, open_address)
    assert status == 1
    assert "$.admin.address: " in text and "[unprotected]" in text and "aws.credentials_file" in text, text
    keys = tmp_path / "keys.json"
    write(keys, [key()])
    assert check(tmp_path, place, {**open_address, "aws": {"credentials_file": str(keys)}})[0] == 0
    keys.write_text("{}")
    status, text = check(tmp_path, place, {**open_address, "aws": {"credentials_file": str(keys)}})
    assert status == 1 and f"{keys}: $: " in text and '"keys" is missing' in text, text
    status, text = check(tmp_path, place, {"admin": {"token_file": str(tmp_path / "none")}})
    assert status == 1 and "there is no such file" in text, text
    status, text = check(tmp_path, place, {"admin": {"tls": {"certificate": str(tmp_path / "none.pem"), "key": "none.key"}}})
    assert status == 1 and "$.admin.tls.certificate" in text and "$.admin.tls.key" in text, text


def test_weir_does_not_start_with_an_admin_listener_that_anybody_may_use(world, place):
    weir = world.weir(tables.one(place), {"admin": {"address": f"0.0.0.0:{free_port()}"}}, wait=False)
    weir.allow_error("cannot start: .*admin.address")
    assert weir.wait() == 1
    assert "unprotected" in weir.stderr()
    world.things.remove(weir)


# ---- Signed invocations ----


@pytest.fixture
def signed(world, tmp_path):
    """weir whose listener asks for signed invocations, over an endpoint that sends bodies back."""
    path = tmp_path / "keys.json"
    write(path, [key(), key("AKIDOTHER", functions=["other"]), key("AKIDREADER", allow=["read"])])
    echo = world.demo("1", do="echo")
    port = free_port()
    weir = world.weir(
        tables.split({"1": echo}, {"1": 100}),
        {
            "listeners": [{"address": f"{ADDRESS}:{port}", "invoke_authorization": "aws_iam"}],
            "aws": {"credentials_file": str(path)},
        },
        wait=False,
    )
    weir.port = port
    weir.wait_for_words("weir is ready")
    weir.echo = echo
    return weir


def invoker(weir, *more, **and_more):
    return client(weir, *more, port=weir.port, **and_more)


def signed_request(weir, body, path="/2015-03-31/functions/hello%3Alive/invocations", headers=()):
    request = botocore.awsrequest.AWSRequest("POST", f"http://{ADDRESS}:{weir.port}{path}", data=body, headers=dict(headers))
    botocore.auth.SigV4Auth(botocore.credentials.Credentials("AKIDWEIR", SECRET), "lambda", "us-east-1").add_auth(request)
    return [*request.headers.items()]


@pytest.mark.fast
def test_signed_invocations_run(signed):
    right = invoker(signed)
    for payload in (b"", b"{}", b"x" * 100_000, os.urandom(5_000_000)):
        answer = right.invoke(FunctionName="hello", Qualifier="live", Payload=payload)
        assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "1"
        assert answer["Payload"].read() == payload
    assert right.invoke(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:hello:live")["StatusCode"] == 200
    assert right.invoke(FunctionName="hello", Qualifier="live", InvocationType="DryRun")["StatusCode"] == 204
    assert signed.call("GET", "/").status == 200, "routes ask for nothing"


def test_invocations_that_are_not_signed_right_do_not_run(signed):
    before = signed.echo.count()["requests"]
    invoke = {"FunctionName": "hello", "Qualifier": "live", "Payload": b"{}"}
    assert refused(invoker(signed, secret="wrong").invoke, **invoke)[:2] == ("InvalidSignatureException", 403)
    assert refused(invoker(signed, "AKIDNOBODY").invoke, **invoke)[:2] == ("UnrecognizedClientException", 403)
    for name in ("AKIDOTHER", "AKIDREADER"):
        assert refused(invoker(signed, name).invoke, **invoke) == (
            "AccessDeniedException",
            403,
            f"User: arn:aws:iam::000000000000:user/{name} is not authorized to perform: lambda:InvokeFunction on resource: "
            "arn:aws:lambda:us-east-1:000000000000:function:hello:live",
        )
    dry_run = {**invoke, "InvocationType": "DryRun"}
    assert refused(invoker(signed, secret="wrong").invoke, **dry_run)[0] == "InvalidSignatureException"
    answer = signed.invoke("hello:live")
    assert answer.status == 403 and answer.json() == {"message": "Missing Authentication Token"}
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
    assert signed.echo.count()["requests"] == before
    outcomes = [line["outcome"] for line in signed.wait_for_log(6)]
    assert outcomes == ["unauthorized"] * 6


def test_the_body_of_a_signed_invocation_must_be_the_one_that_was_signed(signed):
    headers = signed_request(signed, b'{"k": 1}')
    host = f"{ADDRESS}:{signed.port}"
    path = "/2015-03-31/functions/hello%3Alive/invocations"
    assert signed.call("POST", path, headers=headers, body=b'{"k": 1}', host=host).status == 200
    for body in (b'{"k": 2}', b'{"k": 1} ', b""):
        answer = signed.call("POST", path, headers=headers, body=body, host=host)
        assert answer.status == 403 and answer.headers["x-amzn-errortype"] == "InvalidSignatureException"


def chunks(body, size):
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def test_signed_invocations_may_come_in_any_pieces_and_one_behind_the_other(signed):
    body = bytes(range(256)) * 700
    fields = signed_request(signed, body)
    head = b"POST /2015-03-31/functions/hello%%3Alive/invocations HTTP/1.1\r\nHost: %b:%d\r\n" % (ADDRESS.encode(), signed.port)
    head += b"".join(f"{n}: {v}\r\n".encode() for n, v in fields if n.lower() not in ("host", "content-length"))
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(chunks(body, 5000))
    plain = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with signed.connect() as c:
        c.send(chunked + plain + chunked + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(3):
            answer = c.read_answer("POST")
            assert answer.status == 200 and answer.body == body
        assert c.read_answer("GET").status == 200
    with signed.connect() as c:
        whole = plain + plain
        for at in range(0, len(whole), 50_001):
            c.send(whole[at : at + 50_001])
        for _ in range(2):
            assert c.read_answer("POST").body == body
    with signed.connect() as c:
        c.send(head + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        assert c.read_head().status == 100
        c.send(body)
        assert c.read_answer("POST").body == body


def test_bodies_of_signed_invocations_have_a_limit(signed):
    limit = 6291456
    right = invoker(signed)
    assert right.invoke(FunctionName="hello", Qualifier="live", Payload=b"x" * limit)["StatusCode"] == 200
    code, status, message = refused(right.invoke, FunctionName="hello", Qualifier="live", Payload=b"x" * (limit + 1))
    assert (code, status) == ("RequestEntityTooLargeException", 413)
    assert message == f"Request must be smaller than {limit} bytes for the InvokeFunction operation"


def test_a_body_cannot_be_posted_to_a_presigned_invoke(signed):
    path = "/2015-03-31/functions/hello%3Alive/invocations"
    request = botocore.awsrequest.AWSRequest("POST", f"http://{ADDRESS}:{signed.port}{path}")
    botocore.auth.SigV4QueryAuth(botocore.credentials.Credentials("AKIDWEIR", SECRET), "lambda", "us-east-1").add_auth(request)
    target = request.url.partition(str(signed.port))[2]
    host = f"{ADDRESS}:{signed.port}"
    assert signed.call("POST", target, body=b"", host=host).status == 200
    answer = signed.call("POST", target, body=b"{}", host=host)
    assert answer.status == 403 and "does not match" in answer.json()["message"]
