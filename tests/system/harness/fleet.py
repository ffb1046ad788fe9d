"""Several weirs that share one table through a real etcd, with a relay between each and etcd."""

import json

from . import tables
from .etcd import Etcd, Relay
from .processes import Weir
from .waiting import wait_until

NEXT = "/2015-03-31/functions/hello/aliases/live"
MINE = "/functions/hello/aliases/live"
JSON = [("Content-Type", "application/json")]


def dump(value):
    return json.dumps(value).encode()


def table(endpoint="http://127.0.0.1:1", weights=None, more=None):
    functions = {"hello": tables.function({"1": endpoint, "2": endpoint}, {"live": weights or {"1": 95, "2": 5}})}
    return tables.table({**functions, **(more or {})}, [tables.route(qualifier="live")])


class Fleet:
    def __init__(self, world, nr=3, etcd=None, document=None, endpoint="http://127.0.0.1:1", fleet=None, more=None):
        self.world = world
        self.settings, self.more = fleet or {}, more or {}
        self.etcd = etcd or world.keep(Etcd(world.folder / "etcd-home"))
        self.document = document or table(endpoint)
        self.relays = [world.keep(Relay(self.etcd.port)) for _ in range(nr)]
        self.states = [world.folder / f"state-{i}" for i in range(nr)]
        self.members = []
        for state in self.states:
            state.mkdir()
        self.members = [self.member(i) for i in range(nr)]
        for member in self.members:
            member.wait_until_ready()

    def member(self, i, **more):
        settings = {
            "state": {"directory": str(self.states[i])},
            "store": {"etcd": {"endpoints": [self.relays[i].url], "timeout_ms": 1000, "start_wait_s": 10, **more}},
            "fleet": {"id": f"weir-{i}", **self.settings},
            **self.more,
        }
        folder = self.world.folder / f"member-{i}-{len(self.world.things)}"
        return self.world.keep(Weir(folder, self.document, settings, workers=1, wait=False))

    def put(self, i, weights, **more):
        return self.members[i].admin(MINE, "PUT", dump({"weights": weights, **more}), JSON)

    def look(self, i):
        answer = self.members[i].admin(NEXT)
        return self.members[i].generation(), answer.json()

    def wait_until_all_agree(self, generation=None):
        """On one generation; which is returned."""

        def agree():
            seen = [self.look(i) for i in range(len(self.members))]
            same = all(one == seen[0] for one in seen)
            return seen[0][0] if same and generation in (None, seen[0][0]) else 0

        return wait_until(agree, "all members have the same table")

    def page(self, i):
        answer = self.members[i].admin("/fleet")
        assert answer.status == 200, answer.body
        return answer.json()

    def up(self, i):
        return self.members[i].metrics().value("weir_store_up")

    def wait_until_down(self, i):
        wait_until(lambda: self.up(i) == 0, f"weir-{i} knows that etcd is away")

    def wait_until_up(self, i):
        wait_until(lambda: self.up(i) == 1, f"weir-{i} knows that etcd is there")


def weights_of(answer):
    first = 100.0
    more = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return {answer["FunctionVersion"]: first - 100 * sum(more.values()), **{k: 100 * v for k, v in more.items()}}


def refused(answer, *words):
    assert answer.status == 503, answer.body
    assert answer.headers["x-amzn-errortype"] == "ServiceUnavailableException"
    message = json.dumps(answer.json())
    assert all(word in message for word in ("etcd", *words)), message
