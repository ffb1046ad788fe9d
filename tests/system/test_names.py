"""Endpoints that have names: which address an invocation goes to, and what happens when the answer of DNS changes."""

from harness import tables


def test_a_routes_host_with_a_final_dot_is_the_host_without_it(world):
    demo = world.demo()
    table = tables.table(
        {"hello": tables.function({"1": demo.url})}, [tables.route(host="Shop.Test.", path="/", qualifier="1")]
    )
    weir = world.weir(table)
    assert [weir.call(host=host).status for host in ("shop.test", "shop.test.", "x.test")] == [200, 200, 404]
