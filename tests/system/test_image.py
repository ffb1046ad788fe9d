"""The container image: it builds, holds little, and weir runs from its root without privileges."""

import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from harness import client, places, tables
from harness.processes import Process
from harness.waiting import wait_until

USER = "65532:65532"
SIZE_MAX = 40_000_000
TOOLS = ("buildah", "mmdebstrap")
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to build in a chroot"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)}"),
    pytest.mark.skipif(bool(places.SANITIZER), reason="the image holds the release build only"),
]


def run(*arguments, **more):
    done = subprocess.run(arguments, capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{arguments}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def image():
    """The image's name. Its base is made here, so that the test asks no registry."""
    name = f"localhost/weir-test-{os.getpid()}"
    # Another process of this run may build one too: what one removes is a layer of the other's.
    with open(pathlib.Path(tempfile.gettempdir()) / "weir-test-image.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run(places.ROOT / "scripts" / "image.sh", name, env={**os.environ, "IMAGE_BASE": "mmdebstrap"})
        yield name
        run("buildah", "rmi", name)


@pytest.fixture(scope="module")
def root(image):
    """The image's root, mounted."""
    container = run("buildah", "from", "--pull-never", image).strip()
    yield pathlib.Path(run("buildah", "mount", container).strip())
    run("buildah", "rm", container)


def test_the_image_is_small_and_runs_as_nobody_special(image):
    about = json.loads(run("buildah", "inspect", "--type", "image", image))
    config = about["OCIv1"]["config"]
    assert config["User"] == USER
    assert config["Entrypoint"] == ["/usr/bin/weir"]
    assert list(config["ExposedPorts"]) == ["8080"] or list(config["ExposedPorts"]) == ["8080/tcp"]


def test_the_image_holds_no_shell_and_nothing_that_raises_privileges(root):
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if path.name in ("sh", "bash", "dash", "apt-get", "dpkg")]
    assert not [path for path in files if path.stat().st_mode & 0o6000]
    assert sum(path.stat().st_size for path in files) < SIZE_MAX


def test_weir_in_the_image_splits_invocations(root, world):
    demo = world.demo("7")
    port, admin_port = places.free_port(), places.free_port()
    documents = root / "etc" / "weir"
    (documents / "table.json").write_text(json.dumps(tables.split({"7": demo}, {"7": 100})))
    settings = {
        "listeners": [{"address": f"{places.ADDRESS}:{port}"}],
        "admin": {"address": f"{places.ADDRESS}:{admin_port}"},
        "table": {"file": "/etc/weir/table.json"},
    }
    (documents / "settings.json").write_text(json.dumps(settings))
    inside = ["/usr/bin/weir", "run", "--settings", "/etc/weir/settings.json"]
    weir = Process(world.folder / "image", "weir", ["chroot", f"--userspec={USER}", root, *inside])
    try:
        wait_until(lambda: is_ready(weir, admin_port), "weir in the image is ready")
        target = "/2015-03-31/functions/hello/invocations?Qualifier=live"
        answer = client.call(port, "POST", target, body=b"{}")
        assert answer.status == 200
        assert answer.headers["x-amz-executed-version"] == "7"
        weir.signal(15)
        assert weir.wait() == 0, weir.stderr()
    finally:
        weir.kill()
    assert '"7"' in weir.stdout(), "the access log goes to standard output"


def is_ready(weir, admin_port):
    assert weir.is_running(), weir.stderr()
    try:
        return client.call(admin_port, target="/readyz", host=places.ADDRESS).status == 200
    except OSError:
        return False
