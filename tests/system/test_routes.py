"""Which route a request takes: the most specific host, then the longest path."""

import pytest
from harness import tables

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def routed(shared_world):
    """Each route leads to a version of its own, named in answers; one endpoint is behind them all."""
    demo = shared_world.demo("1")
    routes = [
        dict(path="/"),  # 1
        dict(path="/shop"),  # 2
        dict(path="/shop/cart"),  # 3
        dict(path="/strip", strip_prefix=True),  # 4
        dict(host="a.test", path="/"),  # 5
        dict(host="a.test", path="/shop"),  # 6
        dict(host="*.b.test", path="/"),  # 7
        dict(host="*.c.b.test", path="/deep"),  # 8
        dict(host="x.c.b.test", path="/exact"),  # 9
        dict(host="s.test", path="/", strip_prefix=True),  # 10
        dict(host="s.test", path="/a/b", strip_prefix=True),  # 11
    ]
    versions = {str(i): demo.url + "/base" for i in range(1, len(routes) + 1)}
    return shared_world.weir(
        tables.table(
            {"hello": tables.function(versions)},
            [tables.route(qualifier=str(i), **r) for i, r in enumerate(routes, 1)],
        )
    )


@pytest.mark.parametrize(
    "host,target,version",
    [
        ("any.test", "/", "1"),
        ("any.test", "/x/y", "1"),
        ("any.test", "/shop", "2"),
        ("any.test", "/shop/", "2"),
        ("any.test", "/shop/x?y=/shop/cart", "2"),
        ("any.test", "/shopping", "1"),
        ("any.test", "/shop/cart", "3"),
        ("any.test", "/shop/cart/1", "3"),
        ("any.test", "/shop/carts", "2"),
        ("any.test", "/Shop", "1"),
        ("a.test", "/", "5"),
        ("A.Test", "/x", "5"),
        ("a.test:8080", "/x", "5"),
        ("a.test", "/shop/cart", "6"),
        ("x.a.test", "/", "1"),
        ("x.b.test", "/", "7"),
        ("X.Y.B.Test:81", "/shop", "7"),
        ("b.test", "/", "1"),
        ("xb.test", "/", "1"),
        ("x.c.b.test", "/exact", "9"),
        ("y.c.b.test", "/deep/x", "8"),
    ],
)
def test_the_most_specific_host_then_the_longest_path_wins(routed, host, target, version):
    answer = routed.call(target=target, host=host)
    assert answer.headers["x-amz-executed-version"] == version
    assert answer.json()["target"] == "/base" + target


@pytest.mark.parametrize(
    "host,target,arrives",
    [
        ("any.test", "/strip/x/y?z", "/base/x/y?z"),
        ("any.test", "/strip/", "/base/"),
        ("any.test", "/strip", "/base"),
        ("any.test", "/strip?q", "/base?q"),
        ("s.test", "/a/b/c", "/base/c"),
        ("s.test", "/a/bc", "/base/a/bc"),
        ("s.test", "/x", "/base/x"),
    ],
)
def test_a_prefix_can_be_stripped(routed, host, target, arrives):
    seen = routed.call(target=target, host=host).json()["target"]
    # An endpoint's base path and nothing behind it may or may not end in a slash.
    assert seen == arrives or (arrives in ("/base", "/base?q") and seen == arrives.replace("/base", "/base/"))


def test_a_route_takes_any_method(routed):
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        assert routed.call(method, "/shop").headers["x-amz-executed-version"] == "2"


def test_an_invocation_goes_before_a_route(routed):
    assert routed.invoke("hello:4").headers["x-amz-executed-version"] == "4"


def test_a_route_without_qualifier_leads_to_latest(world):
    demo = world.demo("$LATEST")
    weir = world.weir(tables.table({"hello": tables.function({"$LATEST": demo, "1": demo})}, [tables.route("/x")]))
    assert weir.call(target="/x").headers["x-amz-executed-version"] == "$LATEST"


def test_without_a_matching_route_there_is_404(world):
    weir = world.weir(
        tables.table({"hello": tables.function({"1": world.demo()})}, [tables.route("/", qualifier="1", host="a.test")])
    )
    assert weir.call(host="a.test").status == 200
    assert weir.call(host="b.test").status == 404
    assert weir.call(host=None, version="1.0").status == 404
