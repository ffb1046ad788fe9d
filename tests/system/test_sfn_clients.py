"""Real clients drive Step Functions' API: the AWS SDK for JavaScript follows AWS's canary of a state machine, and meets errors by its own
classes. Debian's AWS command line and boto3 know neither versions nor aliases of state machines; the command line is told of those that the
walk-through has, as botocore lets a folder add to its models."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from harness import aws
from harness.places import ADDRESS, SANITIZED
from test_executions import Client, answering, status

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SANITIZED, reason="it is the client that differs, not weir")]

SCRIPT = """
const sdk = require("@aws-sdk/client-sfn");
const [endpoint, first, second] = process.argv.slice(2);
const api = new sdk.SFNClient({ endpoint, region: "us-east-1", maxAttempts: 1, credentials: { accessKeyId: "test", secretAccessKey: "test" } });
const send = (name, input) => api.send(new sdk[name + "Command"](input));
const error = async (promise) => { try { await promise; return null; }
                                   catch (e) { return [e.constructor.name, e.name, e.$metadata.httpStatusCode, e.message]; } };
const plain = "arn:aws:states:us-east-1:000000000000:stateMachine:myStateMachine";
const guide = "arn:aws:states:us-east-1:000000000000:stateMachineAlias:myStateMachine:PROD";
const routing = (...items) => items.map(([version, weight]) => ({ stateMachineVersionArn: plain + ":" + version, weight }));
const definition = (url) => JSON.stringify({ kind: "http", endpoints: [url] });
const roleArn = "arn:aws:iam::000000000000:role/any";
const starts = async (n, stateMachineArn) => {
  const seen = {};
  for (let i = 0; i < n; i++) {
    const { executionArn } = await send("StartExecution", { stateMachineArn, input: "{}" });
    const { stateMachineVersionArn = "none" } = await send("DescribeExecution", { executionArn });
    const version = stateMachineVersionArn.split(":").at(-1);
    seen[version] = (seen[version] ?? 0) + 1;
  }
  return seen;
};
(async () => {
  const out = {};
  out.made = (await send("CreateStateMachine", { name: "myStateMachine", definition: definition(first), roleArn })).stateMachineArn;
  out.one = (await send("PublishStateMachineVersion", { stateMachineArn: plain })).stateMachineVersionArn;
  out.alias = (await send("CreateStateMachineAlias", { name: "PROD", routingConfiguration: routing([1, 100]) })).stateMachineAliasArn;
  out.before = await starts(4, guide);
  out.two = (await send("UpdateStateMachine", { stateMachineArn: plain, definition: definition(second), publish: true })).stateMachineVersionArn;
  await send("UpdateStateMachineAlias", { stateMachineAliasArn: guide, routingConfiguration: routing([1, 80], [2, 20]) });
  out.canary = await starts(20, plain + ":PROD");
  await send("UpdateStateMachineAlias", { stateMachineAliasArn: guide, routingConfiguration: routing([2, 100]) });
  out.all = await starts(4, guide);
  await send("UpdateStateMachineAlias", { stateMachineAliasArn: guide, routingConfiguration: routing([1, 100]) });
  out.back = await starts(4, guide);
  out.latest = await starts(1, plain);
  out.versions = (await send("ListStateMachineVersions", { stateMachineArn: plain })).stateMachineVersions.map((v) => v.stateMachineVersionArn);
  out.described = await send("DescribeStateMachineAlias", { stateMachineAliasArn: guide });
  out.dates = out.described.creationDate instanceof Date && out.described.updateDate instanceof Date;
  out.machines = [];
  for await (const page of sdk.paginateListStateMachines({ client: api, pageSize: 1 }, {})) out.machines.push(...page.stateMachines.map((m) => m.name));
  await send("TagResource", { resourceArn: plain, tags: [{ key: "team", value: "a" }] });
  out.tags = (await send("ListTagsForResource", { resourceArn: plain })).tags;
  out.errors = [
    await error(send("DescribeStateMachine", { stateMachineArn: plain + ":9" })),
    await error(send("DescribeStateMachine", { stateMachineArn: "x" })),
    await error(send("CreateStateMachine", { name: "myStateMachine", definition: definition(second), roleArn })),
    await error(send("CreateStateMachine", { name: "a b", definition: definition(second), roleArn })),
    await error(send("CreateStateMachine", { name: "a", definition: "{}", roleArn })),
    await error(send("UpdateStateMachine", { stateMachineArn: plain })),
    await error(send("PublishStateMachineVersion", { stateMachineArn: plain, revisionId: "stale" })),
    await error(send("CreateStateMachineAlias", { name: "x", routingConfiguration: routing([1, 70], [2, 29]) })),
    await error(send("DescribeStateMachineAlias", { stateMachineAliasArn: plain + ":nobody" })),
    await error(send("ListStateMachineAliases", { stateMachineArn: plain, nextToken: "x" })),
    await error(send("DeleteStateMachineVersion", { stateMachineVersionArn: plain + ":1" })),
  ];
  await send("DeleteStateMachineAlias", { stateMachineAliasArn: guide });
  await send("DeleteStateMachine", { stateMachineArn: plain });
  out.left = (await send("ListStateMachines", {})).stateMachines;
  console.log(JSON.stringify(out));
})();
"""
PLAIN = "arn:aws:states:us-east-1:000000000000:stateMachine:myStateMachine"


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("sdk")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, "@aws-sdk/client-sfn@3"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("npm takes too long to install the SDK")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the SDK: {done.stderr.decode(errors='replace')[-200:]}")
    return pathlib.Path(folder)


def test_the_canary_of_a_state_machine(world, sdk, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    weir = world.weir({"functions": {}}, arguments=("--state", state))
    script = sdk / "canary.cjs"
    script.write_text(SCRIPT)
    endpoints = [world.demo(version).url for version in ("1", "2")]
    done = subprocess.run(["node", script, f"http://{ADDRESS}:{weir.admin_port}", *endpoints], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    out = json.loads(done.stdout)
    assert out["made"] == PLAIN and out["one"] == f"{PLAIN}:1" and out["two"] == f"{PLAIN}:2" and out["alias"] == f"{PLAIN}:PROD"
    assert out["before"] == {"1": 4} and out["all"] == {"2": 4} and out["back"] == {"1": 4} and out["latest"] == {"none": 1}
    assert sum(out["canary"].values()) == 20 and 3 <= out["canary"]["2"] <= 5
    assert out["versions"] == [f"{PLAIN}:2", f"{PLAIN}:1"] and out["dates"] and out["machines"] == ["myStateMachine"]
    assert out["described"]["routingConfiguration"] == [{"stateMachineVersionArn": f"{PLAIN}:1", "weight": 100}]
    assert out["tags"] == [{"key": "team", "value": "a"}] and out["left"] == []
    classes = (
        "StateMachineDoesNotExist InvalidArn StateMachineAlreadyExists InvalidName InvalidDefinition MissingRequiredParameter ConflictException "
        "ValidationException ResourceNotFound InvalidToken ConflictException"
    ).split()
    assert [e[:3] for e in out["errors"]] == [[name, name, 400] for name in classes]
    assert out["errors"][7][3] == "Sum of routing configuration weights must equal 100. Received: [70, 29]"


def test_boto3_of_any_age_knows_the_machines(world):
    weir = world.weir({"functions": {}})
    api = aws.client(weir.admin_port, service="stepfunctions")
    definition = json.dumps({"kind": "http", "endpoints": ["http://127.0.0.1:1"]})
    made = api.create_state_machine(name="order", definition=definition, roleArn="arn:aws:iam::000000000000:role/any")
    got = api.describe_state_machine(stateMachineArn=made["stateMachineArn"])
    assert got["definition"] == definition and got["status"] == "ACTIVE" and got["creationDate"] == made["creationDate"]
    with pytest.raises(api.exceptions.StateMachineDoesNotExist):
        api.describe_state_machine(stateMachineArn=made["stateMachineArn"] + "2")
    with pytest.raises(api.exceptions.InvalidDefinition):
        api.create_state_machine(name="b", definition="{}", roleArn="arn:aws:iam::000000000000:role/any")
    assert [m["name"] for page in api.get_paginator("list_state_machines").paginate() for m in page["stateMachines"]] == ["order"]
    if not hasattr(api, "publish_state_machine_version"):
        pytest.skip("this boto3 has no versions and aliases of state machines")
    version = api.publish_state_machine_version(stateMachineArn=made["stateMachineArn"])["stateMachineVersionArn"]
    routing = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = api.create_state_machine_alias(name="PROD", routingConfiguration=routing)["stateMachineAliasArn"]
    assert api.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"] == routing


def extras():
    """What newer models have beyond that of 2022: as much as the walk-through needs."""
    text, number, date = {"shape": "ExtraText"}, {"shape": "ExtraNumber"}, {"shape": "ExtraDate"}

    def structure(required=(), **members):
        return {"type": "structure", "required": list(required), "members": members}

    operations = {
        "PublishStateMachineVersion": (
            structure(["stateMachineArn"], stateMachineArn=text, revisionId=text, description=text),
            structure(stateMachineVersionArn=text, creationDate=date),
        ),
        "CreateStateMachineAlias": (
            structure(["name", "routingConfiguration"], name=text, description=text, routingConfiguration={"shape": "ExtraRouting"}),
            structure(stateMachineAliasArn=text, creationDate=date),
        ),
        "UpdateStateMachineAlias": (
            structure(["stateMachineAliasArn"], stateMachineAliasArn=text, description=text, routingConfiguration={"shape": "ExtraRouting"}),
            structure(updateDate=date),
        ),
    }
    shapes = {
        "ExtraText": {"type": "string"},
        "ExtraNumber": {"type": "integer"},
        "ExtraDate": {"type": "timestamp"},
        "ExtraFlag": {"type": "boolean"},
        "ExtraRouting": {"type": "list", "member": {"shape": "ExtraShare"}},
        "ExtraShare": structure(["stateMachineVersionArn", "weight"], stateMachineVersionArn=text, weight=number),
        "UpdateStateMachineInput": {"members": {"publish": {"shape": "ExtraFlag"}}},
        "UpdateStateMachineOutput": {"members": {"stateMachineVersionArn": text, "revisionId": text}},
        "DescribeExecutionOutput": {"members": {"stateMachineVersionArn": text, "stateMachineAliasArn": text}},
    }
    calls = {}
    for name, (asked, answered) in operations.items():
        shapes |= {f"{name}Input": asked, f"{name}Output": answered}
        calls[name] = {
            "name": name,
            "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": f"{name}Input"},
            "output": {"shape": f"{name}Output"},
            "errors": [],
        }
    return {"version": 1.0, "merge": {"operations": calls, "shapes": shapes}}


AWS = """
set -e
ARN=arn:aws:states:us-east-1:123456789012:stateMachine:myStateMachine
PROD=arn:aws:states:us-east-1:123456789012:stateMachineAlias:myStateMachine:PROD
aws() { /usr/bin/aws "$@" --endpoint-url "$ENDPOINT" --no-cli-pager --output json; }
"""
WALK = r"""
aws stepfunctions publish-state-machine-version --state-machine-arn arn:aws:states:us-east-1:123456789012:stateMachine:myStateMachine
aws stepfunctions create-state-machine-alias --name PROD --routing-configuration "[{\"stateMachineVersionArn\":\"$ARN:1\",\"weight\":100}]"
aws stepfunctions start-execution --state-machine-arn arn:aws:states:us-east-1:123456789012:stateMachineAlias:myStateMachine:PROD --input "{}"
aws stepfunctions update-state-machine --state-machine-arn $ARN --definition $UPDATED_STATE_MACHINE_DEFINITION --publish
aws stepfunctions update-state-machine-alias --state-machine-alias-arn $PROD --routing-configuration "[{\"stateMachineVersionArn\":\"$ARN:1\",\"weight\":80},{\"stateMachineVersionArn\":\"$ARN:2\",\"weight\":20}]"
---
aws stepfunctions update-state-machine-alias --state-machine-alias-arn $PROD --routing-configuration "[{\"stateMachineVersionArn\":\"$ARN:2\",\"weight\":100}]"
---
aws stepfunctions update-state-machine-alias --state-machine-alias-arn $PROD --routing-configuration "[{\"stateMachineVersionArn\":\"$ARN:1\",\"weight\":100}]"
"""


def test_the_walk_through_by_the_command_line(world, tmp_path):
    """AWS's seven commands as its guide prints them."""
    if not os.path.exists(aws.CommandLine.PROGRAM):
        pytest.skip("the AWS command line is not installed")
    (tmp_path / "state").mkdir()
    models = tmp_path / "models" / "stepfunctions" / "2016-11-23"
    models.mkdir(parents=True)
    (models / "service-2.sdk-extras.json").write_text(json.dumps(extras()))
    fakes = [world.fake(answering(status(200))) for _ in range(2)]
    definitions = [json.dumps({"kind": "http", "endpoints": [fake.url]}, separators=(",", ":")) for fake in fakes]
    weir = world.weir({"functions": {}}, {"aws": {"account_id": "123456789012"}}, arguments=("--state", tmp_path / "state"))
    plain = "arn:aws:states:us-east-1:123456789012:stateMachine:myStateMachine"

    sfn = Client(weir)
    sfn("CreateStateMachine", name="myStateMachine", definition=definitions[0], roleArn=aws.ROLE)
    environment = {
        **os.environ,
        **aws.ENVIRONMENT,
        "AWS_DATA_PATH": str(tmp_path / "models"),
        "ENDPOINT": f"http://{ADDRESS}:{weir.admin_port}",
        "UPDATED_STATE_MACHINE_DEFINITION": definitions[1],
    }

    def walk(script):
        done = subprocess.run(["bash", "-c", AWS + script], env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def versions_of(arns):
        versions = [sfn.wait(arn)["stateMachineVersionArn"] for arn in arns]
        return [versions.count(f"{plain}:{v}") for v in (1, 2)]

    canary, everything, back = WALK.split("---\n")
    said = walk(canary)
    assert f'"stateMachineVersionArn": "{plain}:1"' in said and f'"stateMachineAliasArn": "{plain}:PROD"' in said
    assert f'"stateMachineVersionArn": "{plain}:2"' in said
    assert versions_of([e["executionArn"] for e in sfn.list(plain + ":PROD")]) == [1, 0]
    assert versions_of([sfn.start(plain + ":PROD") for _ in range(10)]) == [8, 2]
    walk(everything)
    assert versions_of([sfn.start(plain + ":PROD") for _ in range(3)]) == [0, 3]
    walk(back)
    assert versions_of([sfn.start(plain + ":PROD") for _ in range(3)]) == [3, 0]
    assert [len(fake.requests) for fake in fakes] == [12, 5]
