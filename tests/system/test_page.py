"""The page at / of the admin listener: its files, who may send what from it, and what a browser makes of it."""

import json
import re

import pytest
from harness import tables
from harness.browser import Browser, reason_without
from harness.places import ADDRESS
from harness.waiting import wait_until

JSON = [("Content-Type", "application/json")]
LIVE = "/functions/hello/aliases/live"
TOKEN = "correct-horse-battery"
FILES = {"/": "text/html; charset=utf-8", "/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8"}


@pytest.fixture
def weir(world):
    return world.weir(tables.split({"1": world.demo("1"), "2": world.demo("2")}, {"1": 95, "2": 5}))


@pytest.fixture
def guarded(world, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    functions = {f"other-{i:02}": tables.function({"1": "http://127.0.0.1:9"}, {"live": {"1": 100}}) for i in range(40)}
    places = {"1": world.demo("1"), "2": world.demo("2")}
    hostile = {"weights": {"2": 95, "1": 5}, "description": '<img src=x onerror="document.title=\'bad\'"> "weights": {"9": 1}'}
    functions["hello"] = tables.function(places, {"live": hostile})
    return world.weir(tables.table(functions, [tables.route(qualifier="live")]), {"admin": {"token_file": str(path)}})


@pytest.mark.fast
def test_the_files_are_served_and_load_nothing_from_elsewhere(weir):
    for path, kind in FILES.items():
        answer = weir.admin(path)
        assert answer.status == 200 and answer.headers["content-type"] == kind, answer
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-cache"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert set(re.findall(rb"https?://[^\s\"']*", answer.body)) <= {b"http://www.w3.org/2000/svg"}
        etag = answer.headers["etag"]
        for tags, status in ((etag, 304), (f'"a", W/{etag}', 304), ("*", 304), ('"a"', 200)):
            again = weir.admin(path, headers=[("If-None-Match", tags)])
            assert (again.status, again.headers["etag"]) == (status, etag) and bool(again.body) == (status == 200)
        assert weir.admin(path, "HEAD").headers["content-length"] == str(len(answer.body))
    assert b" on" not in re.sub(rb">[^<]*<", b"><", weir.admin("/").body) and b"style=" not in weir.admin("/").body
    assert weir.admin("/page.js", "PUT", b"{}", headers=JSON).status == 405
    assert weir.admin("/page.js/", "GET").status == 404


@pytest.mark.fast
def test_the_files_need_no_token_but_all_that_they_show_does(guarded):
    for path in FILES:
        assert guarded.admin(path).status == 200
        assert guarded.admin(path, host="weir.example").status == 200
    for path in ("/metrics", "/functions", "/table", "/alarms", "/experiments/hello/live"):
        assert guarded.admin(path).status == 403, path
        assert guarded.admin(path, headers=[("Authorization", f"Bearer {TOKEN}")]).status in (200, 404)


@pytest.mark.fast
def test_the_page_may_change_what_its_listener_has_and_no_other_page_may(weir, world):
    def put(to, origin, host=ADDRESS):
        return to.admin(LIVE, "PUT", b'{"weights": {"2": 100}}', headers=[*JSON, ("Origin", origin)], host=host).status

    place = f"{ADDRESS}:{weir.admin_port}"
    for origin in (f"http://{ADDRESS}", f"http://{ADDRESS}:{weir.port}", f"https://{place}", "http://evil.example", "null", ""):
        assert put(weir, origin, place) == 403, origin
    assert weir.admin("/", host="evil.example").status == 403
    assert json.loads(weir.admin(LIVE).body)["weights"] == {"1": 95, "2": 5}
    assert put(weir, f"http://{place}", place) == 200
    anybody = world.weir(tables.split({"1": world.demo("1"), "2": world.demo("2")}, {"1": 100}), {"admin": {"hosts": "*"}})
    name = f"evil.example:{anybody.admin_port}"
    assert anybody.admin("/table", host=name).status == 200
    assert put(anybody, f"http://{name}", name) == 403, "another site may let its name lead here"


def codedeploy(weir, operation, **members):
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", f"CodeDeploy_20141006.{operation}")]
    answer = weir.admin("/", "POST", json.dumps(members).encode(), [*headers, ("Authorization", f"Bearer {TOKEN}")])
    assert answer.status == 200, answer.body
    return answer.json()


def begin_deployment(weir):
    codedeploy(weir, "CreateApplication", applicationName="a", computePlatform="Lambda")
    group = {"deploymentGroupName": "g", "serviceRoleArn": "any", "deploymentConfigName": "CodeDeployDefault.LambdaLinear10PercentEvery10Minutes"}
    codedeploy(weir, "CreateDeploymentGroup", applicationName="a", **group)
    properties = {"Name": "hello", "Alias": "live", "CurrentVersion": "2", "TargetVersion": "1"}
    spec = {"version": 0.0, "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}]}
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(spec)}}
    return codedeploy(weir, "CreateDeployment", applicationName="a", deploymentGroupName="g", revision=revision)["deploymentId"]


def sign_in(browser, token):
    browser.wait_for("document.getElementById('sign-in')?.hidden === false")
    browser.evaluate("document.getElementById('token').focus()")
    browser.type(token)
    browser.press("Enter", text="\r")


def press(browser, label):
    """As somebody does who has no mouse: Enter on the button, and on the dialog's."""
    find = f"[...document.querySelectorAll('main button')].find((b) => !b.hidden && b.textContent === {json.dumps(label)})"
    browser.wait_for(f"Boolean({find})")
    browser.evaluate(f"{find}.focus()")
    browser.press("Enter", text="\r")
    browser.wait_for("document.getElementById('dialog').open")
    assert browser.evaluate("document.activeElement.id") == "dialog-no", "nothing happens by accident"
    browser.evaluate("document.getElementById('dialog-yes').focus()")
    browser.press("Enter", text="\r")


@pytest.mark.slow
@pytest.mark.skipif(bool(reason_without()), reason=str(reason_without()))
def test_the_page_in_a_browser(world, guarded, tmp_path):
    weights = lambda: guarded.admin(LIVE, headers=[("Authorization", f"Bearer {TOKEN}")]).json()["weights"]  # noqa: E731
    for _ in range(100):
        assert guarded.call().status == 200
    browser = world.keep(Browser(tmp_path))
    browser.open(f"http://{ADDRESS}:{guarded.admin_port}/")
    sign_in(browser, "wrong")
    browser.wait_for("document.getElementById('sign-in-why').textContent.includes('does not know')")
    sign_in(browser, TOKEN)
    browser.wait_for("document.getElementById('main').hidden === false")

    browser.wait_for("document.querySelectorAll('#aliases tbody').length === 25 && document.getElementById('page-number').textContent === 'Page 1 of 2'")
    browser.wait_for("document.querySelector('#aliases').innerText.includes('95 of 100, due 95 ± 2')")
    browser.evaluate("document.getElementById('search').focus()")
    browser.type("other-07")
    browser.wait_for("document.querySelectorAll('#aliases tbody').length === 1 && document.querySelector('#aliases').innerText.includes('other-07:live')")
    browser.evaluate("document.getElementById('search').select()")
    browser.type("hello")
    browser.wait_for("document.querySelector('#aliases').innerText.includes('<img src=x onerror')")
    assert browser.evaluate("document.title") == "weir" and browser.evaluate("document.images.length") == 0

    press(browser, "Roll back to 2")  # the first of the weights, although its number is the higher
    wait_until(lambda: weights() == {"2": 100}, "the alias is rolled back")
    browser.wait_for("document.getElementById('message').innerText.includes('hello:live has all of version 2')")

    deployment = begin_deployment(guarded)
    browser.wait_for(f"document.getElementById('deployment-list').innerText.includes('{deployment}')")
    browser.wait_for("document.querySelector('.steps .now')?.textContent === '10 % now'")
    press(browser, "Stop and roll back")
    wait_until(lambda: codedeploy(guarded, "GetDeployment", deploymentId=deployment)["deploymentInfo"]["status"] == "Stopped", "it is stopped")
    wait_until(lambda: weights() == {"2": 100}, "the deployment is rolled back")
    browser.wait_for("document.getElementById('deployment-list').children.length === 0")
    assert not browser.errors
