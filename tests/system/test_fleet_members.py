"""Who belongs to a fleet, who leads it, and which slot each member has."""

import concurrent.futures
import json
import shutil
import signal

import pytest
from harness import aws
from harness.fleet import JSON, MINE, Fleet, dump, refused, table, weights_of
from harness.waiting import wait_until

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd is not installed")

# BRIEF: to be waited for. A busy machine may lose such a lease; LONG it does not.
BRIEF, LONG = {"lease_ms": 2000}, {"lease_ms": 60000}


def metric(fleet, i, name):
    return fleet.members[i].metrics().value(name)


def ids(page):
    return [member["id"] for member in page["members"]]


def wait_until_members(fleet, i, wanted):
    wait_until(lambda: ids(fleet.page(i)) == wanted, f"weir-{i} sees the members {wanted}")


def wait_for_leader(fleet, among):
    """Of these members; its number. All of them know it."""

    def leader():
        named = {fleet.page(i)["leader"] for i in among}
        numbers = [i for i in among if metric(fleet, i, "weir_fleet_leader") == 1]
        return len(numbers) == 1 and named == {f"weir-{numbers[0]}"} and str(numbers[0])

    return int(wait_until(leader, f"one of {among} leads"))


def three(world, lease):
    fleet = Fleet(world, fleet=lease)
    for i in range(3):
        wait_until_members(fleet, i, ["weir-0", "weir-1", "weir-2"])
    return fleet


@pytest.fixture
def fleet(world):
    return three(world, LONG)


@pytest.fixture
def brief(world):
    return three(world, BRIEF)


def test_every_member_sees_all_of_them_one_leader_and_a_slot_for_each(fleet):
    wait_for_leader(fleet, range(3))
    generation = fleet.wait_until_all_agree()
    for i in range(3):
        wait_until(lambda i=i: {m["generation"] for m in fleet.page(i)["members"]} == {generation}, "all have told their generation")
        page = fleet.page(i)
        assert page["id"] == f"weir-{i}" and page["generation"] == generation
        assert page["members"][i]["address"].endswith(f":{fleet.members[i].admin_port}")
        assert page["members"][i]["slot"] == page["slot"]
        assert page["store"]["connected"] is True and page["store"]["generation"] == generation
        assert metric(fleet, i, "weir_fleet_members") == 3
    assert sorted(fleet.page(i)["slot"] for i in range(3)) == [0, 1, 2]


def test_a_member_that_is_told_to_end_leaves_at_once_and_another_leads_and_its_slot_is_the_next_one_s(fleet):
    first = wait_for_leader(fleet, range(3))
    rest = [i for i in range(3) if i != first]
    slot = fleet.page(first)["slot"]
    fleet.members[first].stop()
    assert f"/weir/s/{slot:06}" not in fleet.etcd.keys()
    assert len(fleet.etcd.keys("/weir/m/")) == 2  # without waiting for the end of a lease
    for i in rest:
        wait_until_members(fleet, i, [f"weir-{k}" for k in rest])
    wait_for_leader(fleet, rest)
    shutil.rmtree(fleet.states[first])
    fleet.states[first].mkdir()
    fleet.members[first] = fleet.member(first)
    fleet.members[first].wait_until_ready()
    assert fleet.page(first)["slot"] == slot


def test_a_member_that_is_killed_is_one_until_its_lease_ends_and_keeps_its_slot(brief):
    fleet = brief
    first = wait_for_leader(fleet, range(3))
    rest = [i for i in range(3) if i != first]
    slot = fleet.page(first)["slot"]
    fleet.members[first].signal(signal.SIGKILL)
    fleet.members[first].wait()
    fleet.world.things.remove(fleet.members[first])
    wait_until_members(fleet, rest[0], [f"weir-{k}" for k in rest])
    wait_for_leader(fleet, rest)
    fleet.members[first] = fleet.member(first)
    fleet.members[first].wait_until_ready()
    assert fleet.page(first)["slot"] == slot
    wait_until_members(fleet, rest[0], ["weir-0", "weir-1", "weir-2"])


@pytest.mark.parametrize("how", ["paused", "cut off"])
def test_a_leader_that_cannot_renew_its_lease_is_none_before_another_is(brief, how):
    fleet = brief
    first = wait_for_leader(fleet, range(3))
    rest = [i for i in range(3) if i != first]
    if how == "paused":
        fleet.members[first].signal(signal.SIGSTOP)
    else:
        fleet.relays[first].cut()
    wait_for_leader(fleet, rest)
    if how == "paused":
        fleet.members[first].signal(signal.SIGCONT)
    assert metric(fleet, first, "weir_fleet_leader") == 0  # the first answer that it gives
    if how == "cut off":
        assert fleet.page(first)["leader"] is None and fleet.page(first)["store"]["connected"] is False
        fleet.relays[first].heal()
    for i in range(3):
        wait_until_members(fleet, i, ["weir-0", "weir-1", "weir-2"])
    wait_for_leader(fleet, range(3))


def put_and_wait(fleet, i, first):
    body = dump({"weights": {"1": first, "2": 100 - first}})
    return fleet.members[i].admin(f"{MINE}?wait=fleet", "PUT", body, JSON)


def test_a_change_that_waits_for_the_fleet_is_in_force_on_all_when_it_is_answered(fleet):
    for turn in range(9):
        answer = put_and_wait(fleet, turn % 3, 10 + turn)
        assert answer.status == 200, answer.body
        assert [fleet.look(i)[0] for i in range(3)] == [int(answer.headers["x-weir-generation"])] * 3


def test_a_change_that_waits_for_the_fleet_waits_for_a_paused_member_until_it_is_none(brief):
    fleet = brief
    fleet.members[2].signal(signal.SIGSTOP)
    answer = put_and_wait(fleet, 0, 50)
    fleet.members[2].signal(signal.SIGCONT)
    assert answer.status == 200, answer.body
    fleet.wait_until_all_agree(int(answer.headers["x-weir-generation"]))


def test_a_change_that_waits_for_the_fleet_while_etcd_goes_away_says_that_it_was_made(world):
    fleet = three(world, {"lease_ms": 600000})
    before = fleet.wait_until_all_agree()
    fleet.members[2].signal(signal.SIGSTOP)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        late = pool.submit(put_and_wait, fleet, 0, 50)
        wait_until(lambda: fleet.look(1)[0] > before, "the change was made")
        fleet.relays[0].cut()
        refused(late.result(), "was made", "not known whether all members")
    assert int(late.result().headers["x-weir-generation"]) == fleet.look(1)[0] == fleet.look(0)[0]
    fleet.members[2].signal(signal.SIGCONT)


def deploy(fleet, i, config):
    """A deployment of hello's alias from version 1 to 2, through this member; returns its id."""
    api = aws.client(fleet.members[i].admin_port, service="codedeploy")
    api.create_application(applicationName="a", computePlatform="Lambda")
    api.create_deployment_group(
        applicationName="a", deploymentGroupName="g", serviceRoleArn="arn:aws:iam::000000000000:role/x", deploymentConfigName=config
    )
    properties = {"Name": "hello", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}
    spec = {"version": 0.0, "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}]}
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(spec)}}
    return api.create_deployment(applicationName="a", deploymentGroupName="g", revision=revision)["deploymentId"]


def wait_for_success(fleet, i, deployment):
    api = aws.client(fleet.members[i].admin_port, service="codedeploy")

    def status():
        return api.get_deployment(deploymentId=deployment)["deploymentInfo"]["status"]

    wait_until(lambda: deployment in api.list_deployments()["deployments"], f"weir-{i} has the deployment")
    wait_until(lambda: status() in ("Succeeded", "Failed", "Stopped"), "the deployment ends")
    assert status() == "Succeeded"


@pytest.mark.parametrize("is_leader_paused", [False, True], ids=["led", "led by the next"])
def test_the_leader_drives_what_any_member_has_accepted(world, is_leader_paused):
    lease = BRIEF if is_leader_paused else LONG
    fleet = Fleet(world, document=table(world.demo("1").url, {"1": 100}), fleet=lease, more={"shifts": {"minute_ms": 100}})
    first = wait_for_leader(fleet, range(3))
    rest = [i for i in range(3) if i != first]
    if is_leader_paused:
        fleet.members[first].signal(signal.SIGSTOP)
    deployment = deploy(fleet, rest[0], "CodeDeployDefault.LambdaCanary10Percent5Minutes")
    wait_for_success(fleet, rest[1], deployment)
    fleet.members[first].signal(signal.SIGCONT)
    fleet.wait_until_all_agree(fleet.look(rest[0])[0])
    assert weights_of(fleet.look(first)[1]) == {"2": 100}
    wait_for_success(fleet, first, deployment)
    if not is_leader_paused:
        fleet.members[first].wait_for_words("Succeeded")
    assert not any("Succeeded" in fleet.members[i].stderr() for i in ([first] if is_leader_paused else rest))


def test_all_are_members_again_where_etcd_has_lost_its_data(fleet):
    for member in fleet.members:
        member.allow_error("etcd has no table under /weir/table")
    fleet.etcd.lose_everything()
    for i in range(3):
        wait_until_members(fleet, i, ["weir-0", "weir-1", "weir-2"])
    wait_for_leader(fleet, range(3))


def test_one_that_belongs_to_no_fleet_has_no_page_of_it(world):
    answer = world.weir(table()).admin("/fleet")
    assert answer.status == 404 and b"belongs to no fleet" in answer.body
