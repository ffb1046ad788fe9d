"""Step Functions' API for state machines, versions, aliases and tags, call by call on the wire: answers, error types and texts as AWS has
them. (The boto3 of Debian 12 knows neither versions nor aliases: tests with real clients are in test_sfn_clients.py.)"""

import json

import pytest
from harness import tables

JSON10 = "application/x-amz-json-1.0"
HOME = "arn:aws:states:us-east-1:000000000000:"
ROLE = "arn:aws:iam::000000000000:role/machine"
INVALID_ROUTING = "INVALID_ROUTING_CONFIGURATION"


def arn(name, qualifier=None, kind="stateMachine"):
    return f"{HOME}{kind}:{name}" + (f":{qualifier}" if qualifier else "")


def http(port, **more):
    return json.dumps({"kind": "http", "endpoints": [f"http://127.0.0.1:{port}"], **more})


def routing(*items, name="order"):
    return [{"stateMachineVersionArn": arn(name, v), "weight": w} for v, w in items]


class Failed(Exception):
    def __init__(self, status, answer):
        super().__init__(status, answer)
        self.status, self.type, self.message = status, answer["__type"], answer["message"]
        self.reason = answer.get("reason")


class Api:
    def __init__(self, weir):
        self.weir = weir

    def raw(self, operation, body, method="POST"):
        head = [("Content-Type", JSON10), ("X-Amz-Target", f"AWSStepFunctions.{operation}")]
        return self.weir.admin("/", method, body, headers=head)

    def __call__(self, operation, **body):
        answer = self.raw(operation, json.dumps(body).encode())
        assert answer.headers["content-type"] == JSON10 and "x-amzn-requestid" in answer.headers
        if answer.status != 200:
            raise Failed(answer.status, answer.json())
        return answer.json()

    def create(self, name="order", definition=None, **more):
        return self("CreateStateMachine", name=name, definition=definition or http(1), roleArn=ROLE, **more)

    def fails(self, kind, operation, **body):
        with pytest.raises(Failed) as caught:
            self(operation, **body)
        assert (caught.value.status, caught.value.type) == (400, kind), caught.value
        return caught.value.message


def start(world, state=None, table=None):
    arguments = ("--state", state) if state else ()
    weir = world.weir(table or tables.table({"hello": tables.function({"1": world.demo()}, {"live": {"weights": {"1": 100}}})}), arguments=arguments)
    return weir, Api(weir)


@pytest.fixture
def api(world):
    return start(world)[1]


@pytest.fixture
def published(api):
    """A machine with the versions 1 and 2."""
    api.create(publish=True)
    api("UpdateStateMachine", stateMachineArn=arn("order"), definition=http(2), publish=True)
    return api


def test_the_wire(api):
    assert api.raw("ListStateMachines", b"").json() == {"stateMachines": []}
    assert api.raw("ListStateMachines", b"{}", method="GET").status == 405
    for operation, body, kind in (
        ("ListStateMachines", b"{", "SerializationException"),
        ("ListStateMachines", b"[]", "SerializationException"),
        ("DescribeStateMachine", b'{"stateMachineArn": 7}', "SerializationException"),
        ("CreateStateMachine", b'{"name": "a", "definition": "{}", "roleArn": "arn:", "publish": "yes"}', "SerializationException"),
        ("DescribeSomething", b"{}", "UnknownOperationException"),
    ):
        answer = api.raw(operation, body)
        assert (answer.status, answer.json()["__type"]) == (400, kind), answer.body
    assert api("ListStateMachines", whatever={"is": "let pass"}) == {"stateMachines": []}


def test_a_host_may_have_sync_before_it(api):
    target = ("X-Amz-Target", "AWSStepFunctions.ListStateMachines")
    for host, status in (("sync-127.0.0.1", 200), ("sync-localhost:1", 200), ("sync-evil.example", 403), ("sync-", 403)):
        answer = api.weir.admin("/", "POST", b"{}", headers=[("Content-Type", JSON10), target], host=host)
        assert answer.status == status, (host, answer.body)


def test_create_and_describe(api):
    made = api.create(tags=[{"key": "team", "value": "a"}], loggingConfiguration={"level": "ALL"})
    assert made["stateMachineArn"] == arn("order") and set(made) == {"stateMachineArn", "creationDate"}
    got = api("DescribeStateMachine", stateMachineArn=arn("order"))
    assert got["definition"] == http(1) and got["name"] == "order" and got["status"] == "ACTIVE" and got["type"] == "STANDARD"
    assert got["roleArn"] == ROLE and got["loggingConfiguration"] == {"level": "ALL"} and "revisionId" not in got
    assert got["creationDate"] == made["creationDate"] and got["tracingConfiguration"] == {"enabled": False}
    assert api.create(loggingConfiguration={"level": "ALL"}, tags=[]) == made
    for other in ({"definition": http(2)}, {"type": "EXPRESS"}, {"publish": True}, {"loggingConfiguration": {"level": "OFF"}}):
        more = {"definition": http(1), "loggingConfiguration": {"level": "ALL"}, **other}
        assert api.fails("StateMachineAlreadyExists", "CreateStateMachine", name="order", roleArn=ROLE, **more) == (
            f"State Machine Already Exists: '{arn('order')}'"
        )
    both = api.create("with.dot", publish=True, versionDescription="first", type="EXPRESS")
    assert both["stateMachineVersionArn"] == arn("with.dot", 1)
    assert api.create("with.dot", publish=True, versionDescription="first", type="EXPRESS") == both
    version = api("DescribeStateMachine", stateMachineArn=arn("with.dot", 1))
    assert version["description"] == "first" and version["stateMachineArn"] == arn("with.dot", 1) and version["type"] == "EXPRESS"
    listed = api("ListStateMachines")["stateMachines"]
    assert [m["name"] for m in listed] == ["order", "with.dot"] and set(listed[0]) == {"stateMachineArn", "name", "type", "creationDate"}


def test_what_cannot_be_created(api):
    fails = api.fails
    assert "3 validation errors" in fails("ValidationException", "CreateStateMachine")
    good = {"name": "a", "definition": http(1), "roleArn": ROLE}
    for name in ("a b", "a:b", "a/b", "a\u00a0b", "x" * 81, "a*"):
        assert fails("InvalidName", "CreateStateMachine", **{**good, "name": name}) == f"Invalid Name: '{name}'"
    assert "'[STANDARD, EXPRESS]'" not in fails("ValidationException", "CreateStateMachine", **good, type="FAST")
    assert fails("ValidationException", "CreateStateMachine", **good, versionDescription="d") == (
        "Version description can only be set when publish is true"
    )
    assert fails("InvalidArn", "CreateStateMachine", **{**good, "roleArn": "role"}) == "Invalid Arn: 'Invalid ARN prefix: role'"
    fails("TooManyTags", "CreateStateMachine", **good, tags=[{"key": str(i), "value": ""} for i in range(51)])
    assert "less than or equal to 1048576" in fails("ValidationException", "CreateStateMachine", **{**good, "definition": " " * 1048577})
    assert api("ListStateMachines") == {"stateMachines": []}


def task(resource="arn:aws:states:::http:invoke", name="Call", top=None, **more):
    state = {"Type": "Task", "Resource": resource, "End": True, **more}
    return {"StartAt": name, "States": {name: state}, **(top or {})}


PARAMETERS = {"ApiEndpoint": "http://127.0.0.1:9001/x", "Method": "POST", "RequestBody.$": "$"}
HTTP = {"Parameters": PARAMETERS, "OutputPath": "$.ResponseBody"}


def test_definitions_that_weir_runs(api):
    hello = "arn:aws:lambda:us-east-1:000000000000:function:hello:live"
    for i, (definition, version) in enumerate(
        (
            ({"endpoints": ["http://h:1"]}, {"endpoints": ["http://h:1"]}),
            ({"kind": "function", "function": "hello", "qualifier": "live"}, None),
            (task(**HTTP), {"endpoints": [PARAMETERS["ApiEndpoint"]]}),
            (
                task(**HTTP, TimeoutSeconds=9, Comment="c", top={"TimeoutSeconds": 7, "Comment": "d", "Version": "1.0"}),
                {"endpoints": [PARAMETERS["ApiEndpoint"]], "timeouts": {"execution_ms": 7000}},
            ),
            (task(hello), {"kind": "function", "function": "hello", "qualifier": "live"}),
            (task(hello, TimeoutSeconds=3), {"kind": "function", "function": "hello", "qualifier": "live", "timeouts": {"execution_ms": 3000}}),
        )
    ):
        text = json.dumps(definition, indent=i)
        assert api("ValidateStateMachineDefinition", definition=text) == {"result": "OK", "diagnostics": [], "truncated": False}
        api.create(f"m{i}", text)
        assert api("DescribeStateMachine", stateMachineArn=arn(f"m{i}"))["definition"] == text
        latest = api.weir.admin("/table").json()["state_machines"][f"m{i}"]["versions"]["$LATEST"]
        del latest["configuration"]
        assert latest == (version or definition)


def test_definitions_beyond_weir_name_what_is(api):
    wait = {"StartAt": "Hold", "States": {"Hold": {"Type": "Wait", "Seconds": 3, "Next": "Call"}, "Call": task(**HTTP)["States"]["Call"]}}
    for definition, words in (
        ("", None),
        ("not json", "INVALID_JSON_DESCRIPTION"),
        ("[]", "Definition must be a valid JSON object"),
        ("{}", "These fields are required: [States, StartAt] at /"),
        ({"StartAt": "a"}, "These fields are required: [States]"),
        ({"States": {"a": {"Type": "Pass"}}}, "These fields are required: [StartAt]"),
        (wait, "at /States/Hold"),
        (task(**HTTP, Retry=[]), "at /States/Call/Retry"),
        (task(**{**HTTP, "OutputPath": "$"}), "at /States/Call/OutputPath"),
        (task(Parameters={**PARAMETERS, "Method": "GET"}, OutputPath="$.ResponseBody"), "at /States/Call/Parameters/Method"),
        (task(Parameters={**PARAMETERS, "Headers": {}}, OutputPath="$.ResponseBody"), "at /States/Call/Parameters/Headers"),
        (task("arn:aws:states:::sqs:sendMessage"), "at /States/Call/Resource"),
        (task("arn:aws:lambda:eu-west-1:000000000000:function:hello"), "at /States/Call/Resource"),
        (task("arn:aws:lambda:us-east-1:000000000000:function:nobody"), 'there is no function "nobody"'),
        (task(**HTTP, top={"QueryLanguage": "JSONata"}), "at /QueryLanguage"),
        ({"kind": "http", "endpoints": ["ftp://h"]}, "at .endpoints[0]"),
        ({"kind": "htp", "endpoints": ["http://h"]}, "at .kind"),
        ({"kind": "rie", "endpoints": ["http://h"]}, "at .kind"),
    ):
        text = definition if isinstance(definition, str) else json.dumps(definition)
        if text == "":
            api.fails("ValidationException", "CreateStateMachine", name="a", definition=text, roleArn=ROLE)
            continue
        message = api.fails("InvalidDefinition", "CreateStateMachine", name="a", definition=text, roleArn=ROLE)
        assert message.startswith("Invalid State Machine Definition: '") and words in message, message
        if "at /States/" in words:
            assert "step_functions.engine" in message
        report = api("ValidateStateMachineDefinition", definition=text)
        assert report["result"] == "FAIL" and report["diagnostics"][0]["severity"] == "ERROR", report


def test_update(api):
    update = {"stateMachineArn": arn("order")}
    api.create()
    assert api.fails("MissingRequiredParameter", "UpdateStateMachine", **update) == (
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
    )
    assert api.fails("ValidationException", "UpdateStateMachine", **update, roleArn=ROLE, versionDescription="d") == (
        "Version description can only be set when publish is true"
    )
    same = api("UpdateStateMachine", **update, definition=http(1), publish=True)
    assert same["stateMachineVersionArn"] == arn("order", 1) and "revisionId" not in same
    assert api("UpdateStateMachine", **update, definition=http(1), publish=True)["stateMachineVersionArn"] == arn("order", 1)
    other = api("UpdateStateMachine", **update, definition=http(2), publish=True, versionDescription="d")
    assert other["stateMachineVersionArn"] == arn("order", 2) and other["revisionId"] and other["updateDate"]
    assert api("DescribeStateMachine", stateMachineArn=arn("order", 1))["definition"] == http(1)
    assert api("DescribeStateMachine", stateMachineArn=arn("order", 2))["revisionId"] == other["revisionId"]
    for operation in ("UpdateStateMachine", "PublishStateMachineVersion", "ListStateMachineVersions"):
        more = {"roleArn": ROLE} if operation == "UpdateStateMachine" else {}
        assert api.fails("StateMachineDoesNotExist", operation, stateMachineArn=arn("order", 2), **more) == (
            f"State Machine Does Not Exist: '{arn('order', 2)}'"
        )
        api.fails("StateMachineDoesNotExist", operation, stateMachineArn=arn("nobody"), **more)


def test_publish(api):
    publish = {"stateMachineArn": arn("order")}
    api.create()
    first = api("PublishStateMachineVersion", **publish, revisionId="INITIAL", description="one")
    assert first["stateMachineVersionArn"] == arn("order", 1)
    assert api("PublishStateMachineVersion", **publish) == first
    revision = api("UpdateStateMachine", stateMachineArn=arn("order"), roleArn=ROLE + "2")["revisionId"]
    for stale in ("INITIAL", "other"):
        assert api.fails("ConflictException", "PublishStateMachineVersion", **publish, revisionId=stale) == (
            f"Failed to publish the State Machine version for revision {stale}. The current State Machine revision is {revision}."
        )
    assert api("PublishStateMachineVersion", **publish, revisionId=revision)["stateMachineVersionArn"] == arn("order", 2)
    assert api("DeleteStateMachineVersion", stateMachineVersionArn=arn("order", 2)) == {}
    assert api("DeleteStateMachineVersion", stateMachineVersionArn=arn("order", 2)) == {}
    assert api("PublishStateMachineVersion", **publish)["stateMachineVersionArn"] == arn("order", 3)
    assert "256" in api.fails("ValidationException", "PublishStateMachineVersion", **publish, description="d" * 257)


def test_numbers_are_never_used_twice_over_restarts(world, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    weir, api = start(world, folder)
    api.create(publish=True)
    api("CreateStateMachineAlias", name="PROD", routingConfiguration=routing((1, 100)))
    before = api("DescribeStateMachineAlias", stateMachineAliasArn=arn("order", "PROD"))
    api("UpdateStateMachine", stateMachineArn=arn("order"), definition=http(2), publish=True)
    api("DeleteStateMachineVersion", stateMachineVersionArn=arn("order", 2))
    machine = api("DescribeStateMachine", stateMachineArn=arn("order"))
    weir.stop()
    _, api = start(world, folder)
    assert api("DescribeStateMachine", stateMachineArn=arn("order")) == machine
    assert api("DescribeStateMachineAlias", stateMachineAliasArn=arn("order", "PROD")) == before
    assert api("PublishStateMachineVersion", stateMachineArn=arn("order"))["stateMachineVersionArn"] == arn("order", 3)


def test_versions_in_pages(api):
    api.create(publish=True)
    for i in range(2, 8):
        api("UpdateStateMachine", stateMachineArn=arn("order"), definition=http(i), publish=True)
    versions = [v["stateMachineVersionArn"] for v in api("ListStateMachineVersions", stateMachineArn=arn("order"))["stateMachineVersions"]]
    assert versions == [arn("order", i) for i in range(7, 0, -1)]
    seen, token = [], {}
    while token is not None:
        page = api("ListStateMachineVersions", stateMachineArn=arn("order"), maxResults=3, **token)
        seen += [v["stateMachineVersionArn"] for v in page["stateMachineVersions"]]
        token = {"nextToken": page["nextToken"]} if "nextToken" in page else None
    assert seen == versions
    assert api.fails("InvalidToken", "ListStateMachineVersions", stateMachineArn=arn("order"), nextToken="x") == (
        "Invalid Token: 'Invalid token'"
    )
    assert len(api("ListStateMachineVersions", stateMachineArn=arn("order"), maxResults=0)["stateMachineVersions"]) == 7
    for bad in (-1, 1001):
        api.fails("ValidationException", "ListStateMachineVersions", stateMachineArn=arn("order"), maxResults=bad)


def test_alias_rules(published):
    api = published

    def fails(kind, items, name="PROD", **more):
        return api.fails(kind, "CreateStateMachineAlias", name=name, routingConfiguration=items, **more)

    pattern = r"failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"
    for name in ("123", "a b", "!a", "a@"):
        assert fails("ValidationException", routing((1, 100)), name) == f"1 validation error detected: Value '{name}' at 'name' {pattern}"
    assert fails("ValidationException", routing((1, 100)), "a" * 81).endswith("Member must have length less than or equal to 80")
    assert fails("ValidationException", []).endswith("Member must have length greater than or equal to 1")
    listed = ", ".join(f"RoutingConfigurationListItem(stateMachineVersionArn={arn('order', v)}, weight={w})" for v, w in ((1, 50), (2, 30), (3, 20)))
    assert fails("ValidationException", routing((1, 50), (2, 30), (3, 20))) == (
        f"1 validation error detected: Value '[{listed}]' at 'routingConfiguration' failed to satisfy constraint: Member must have length less "
        "than or equal to 2"
    )
    assert fails("ValidationException", routing((1, 101))) == (
        "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have "
        "value less than or equal to 100"
    )
    for weights in ((70, 29), (70, 31)):
        assert fails("ValidationException", routing((1, weights[0]), (2, weights[1]))) == (
            f"Sum of routing configuration weights must equal 100. Received: [{weights[0]}, {weights[1]}]"
        )
    assert fails("ValidationException", routing((1, 99))) == "Sum of routing configuration weights must equal 100. Received: [99]"
    assert fails("ValidationException", routing((1, 50), (1, 50))) == (
        f"Routing configuration must contain distinct state machine version ARNs. Received: [{arn('order', 1)}, {arn('order', 1)}]"
    )
    for plain in (arn("order"), arn("order", "PROD")):
        assert fails("ValidationException", [{"stateMachineVersionArn": plain, "weight": 100}]) == (
            f"Routing configuration must contain state machine version ARNs. Received: [{plain}]"
        )
    api.create("other", publish=True)
    fails("ValidationException", routing((1, 50)) + routing((1, 50), name="other"))
    assert fails("ResourceNotFound", routing((9, 100))) == "Request references a resource that does not exist."
    fails("InvalidArn", [{"stateMachineVersionArn": "x", "weight": 100}])
    fails("SerializationException", routing((1, 99.5)))
    fails("SerializationException", {})
    with pytest.raises(Failed) as caught:
        api("CreateStateMachineAlias", name="PROD", routingConfiguration=routing((1, 99)))
    assert caught.value.reason == INVALID_ROUTING
    assert api("ListStateMachineAliases", stateMachineArn=arn("order")) == {"stateMachineAliases": []}


def test_aliases(published):
    api = published
    made = api("CreateStateMachineAlias", name="PROD", routingConfiguration=routing((1, 100)), description="d")
    assert made["stateMachineAliasArn"] == arn("order", "PROD")
    assert api("CreateStateMachineAlias", name="PROD", routingConfiguration=routing((1, 100)), description="d") == made
    for other in ({"description": "other"}, {"routingConfiguration": routing((2, 100))}):
        more = {"name": "PROD", "routingConfiguration": routing((1, 100)), "description": "d", **other}
        assert api.fails("ConflictException", "CreateStateMachineAlias", **more) == (
            "Failed to create alias because an alias with the same name and a different routing configuration already exists."
        )
    api("CreateStateMachineAlias", name="beta.1", routingConfiguration=routing((1, 0), (2, 100)))
    aliases = api("ListStateMachineAliases", stateMachineArn=arn("order"))["stateMachineAliases"]
    assert [a["stateMachineAliasArn"] for a in aliases] == [arn("order", "PROD"), arn("order", "beta.1")]
    only = api("ListStateMachineAliases", stateMachineArn=arn("order", 2))["stateMachineAliases"]
    assert [a["stateMachineAliasArn"] for a in only] == [arn("order", "beta.1")]
    for text in (arn("order", "PROD"), arn("order", "PROD", "stateMachineAlias")):
        got = api("DescribeStateMachineAlias", stateMachineAliasArn=text)
        assert got["routingConfiguration"] == routing((1, 100)) and got["description"] == "d" and got["name"] == "PROD"
        assert got["creationDate"] == made["creationDate"] and got["stateMachineAliasArn"] == arn("order", "PROD")
    assert set(api("UpdateStateMachineAlias", stateMachineAliasArn=arn("order", "PROD"), routingConfiguration=routing((1, 80), (2, 20)))) == {"updateDate"}
    got = api("DescribeStateMachineAlias", stateMachineAliasArn=arn("order", "PROD"))
    assert got["routingConfiguration"] == routing((1, 80), (2, 20)) and got["description"] == "d"
    assert got["updateDate"] >= got["creationDate"] == made["creationDate"]
    api.fails("ValidationException", "UpdateStateMachineAlias", stateMachineAliasArn=arn("order", "PROD"))
    assert api.fails("ResourceNotFound", "UpdateStateMachineAlias", stateMachineAliasArn=arn("order", "nobody"), description="d") == (
        "Request references a resource that does not exist."
    )
    api.fails("ResourceNotFound", "DescribeStateMachineAlias", stateMachineAliasArn=arn("order", "nobody"))
    assert api.fails("ConflictException", "DeleteStateMachineVersion", stateMachineVersionArn=arn("order", 2)) == (
        "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [PROD, beta.1]"
    )
    for _ in range(2):
        assert api("DeleteStateMachineAlias", stateMachineAliasArn=arn("order", "PROD")) == {}
    api.fails("ResourceNotFound", "DescribeStateMachineAlias", stateMachineAliasArn=arn("order", "PROD"))


def test_weights_that_are_no_whole_percents_are_shown_rounded(world):
    versions = {str(i): {"endpoints": [f"http://127.0.0.1:{i}"]} for i in (1, 2, 3)}
    machine = {"versions": versions, "aliases": {"PROD": {"weights": {"1": 33.4, "2": 33.3, "3": 33.3}}, "LIVE": {"weights": {"1": 99.9, "2": 0.1}}}}
    _, api = start(world, table={"functions": {}, "state_machines": {"order": machine}})
    shown = api("DescribeStateMachineAlias", stateMachineAliasArn=arn("order", "PROD"))["routingConfiguration"]
    assert shown == routing((1, 34), (2, 33), (3, 33))
    shown = api("DescribeStateMachineAlias", stateMachineAliasArn=arn("order", "LIVE"))["routingConfiguration"]
    assert shown == routing((1, 100), (2, 0))


def test_a_machine_of_the_file(world):
    version = {"endpoints": ["http://127.0.0.1:1"]}
    machine = {"versions": {"1": version, "4": version}, "aliases": {"PROD": {"weights": {"1": 90, "4": 10}}}}
    weir, api = start(world, table={"functions": {}, "state_machines": {"order": machine}})
    got = api("DescribeStateMachine", stateMachineArn=arn("order"))
    assert json.loads(got["definition"]) == version
    assert api("PublishStateMachineVersion", stateMachineArn=arn("order"))["stateMachineVersionArn"] == arn("order", 4)
    api("UpdateStateMachineAlias", stateMachineAliasArn=arn("order", "PROD"), routingConfiguration=routing((4, 100)))
    api("UpdateStateMachine", stateMachineArn=arn("order"), definition=http(2), publish=True)
    assert api("DescribeStateMachine", stateMachineArn=arn("order"))["creationDate"] == got["creationDate"]
    weir.must_reload({"functions": {}, "state_machines": {"order": machine, "new": {"versions": {"1": version}}}})
    got = api("DescribeStateMachineAlias", stateMachineAliasArn=arn("order", "PROD"))
    assert got["routingConfiguration"] == routing((4, 100))
    assert api("DescribeStateMachine", stateMachineArn=arn("order", 5))["definition"] == http(2)
    machine["aliases"]["PROD"]["weights"] = {"1": 100}
    weir.must_reload({"functions": {}, "state_machines": {"order": machine}})
    got = api("DescribeStateMachineAlias", stateMachineAliasArn=arn("order", "PROD"))
    assert got["routingConfiguration"] == routing((1, 100))
    weir.wait_for_words("order:PROD 4:100 -> 1:100")


def test_what_a_machine_invokes_cannot_be_deleted(api):
    """A table without it could not be loaded again."""
    api.create("calls", json.dumps({"kind": "function", "function": "hello", "qualifier": "live"}), publish=True)
    for target in ("/functions/hello", "/functions/hello/aliases/live"):
        answer = api.weir.admin(target, "DELETE")
        assert answer.status in (400, 409) and b"function_in_use" in answer.body, (target, answer.body)
    for target in ("/2015-03-31/functions/hello", "/2015-03-31/functions/hello/aliases/live"):
        answer = api.weir.admin(target, "DELETE")
        assert answer.status == 409 and answer.headers["x-amzn-errortype"] == "ResourceConflictException", answer.body
        assert b"$.state_machines.calls.versions" in answer.body and b"hello:live" in answer.body
    document = api.weir.admin("/table").body
    api.weir.must_reload(json.loads(document))
    api("DeleteStateMachine", stateMachineArn=arn("calls"))
    assert api.weir.admin("/2015-03-31/functions/hello", "DELETE").status == 204


def test_lists_of_functions_have_no_machines(published):
    weir = published.weir
    assert set(weir.admin("/functions").json()["functions"]) == {"hello"}
    assert [f["FunctionName"] for f in weir.admin("/2015-03-31/functions/").json()["Functions"]] == ["hello"]
    assert weir.admin("/functions/stateMachine%3Aorder").status == 404
    assert weir.invoke("stateMachine%3Aorder").status in (400, 404)
    table = weir.admin("/table").json()
    assert set(table["functions"]) == {"hello"} and set(table["state_machines"]) == {"order"}
    assert weir.admin("/table", "PUT", json.dumps(table).encode()).json()["changes"] == []


def test_delete(published):
    api = published
    api("CreateStateMachineAlias", name="PROD", routingConfiguration=routing((1, 100)))
    for qualified in (1, "PROD"):
        api.fails("ValidationException", "DeleteStateMachine", stateMachineArn=arn("order", qualified))
    for _ in range(2):
        assert api("DeleteStateMachine", stateMachineArn=arn("order")) == {}
    for text in (arn("order"), arn("order", 1)):
        assert api.fails("StateMachineDoesNotExist", "DescribeStateMachine", stateMachineArn=text) == f"State Machine Does Not Exist: '{text}'"


def test_tags(published):
    api = published
    tag = {"resourceArn": arn("order")}
    assert api("TagResource", **tag, tags=[{"key": "a", "value": "1"}, {"key": "b"}]) == {}
    assert api("ListTagsForResource", **tag) == {"tags": [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]}
    assert api("UntagResource", **tag, tagKeys=["a", "nobody"]) == {}
    assert api("ListTagsForResource", **tag) == {"tags": [{"key": "b", "value": ""}]}
    for text in (arn("order", 1), arn("nobody")):
        assert api.fails("ResourceNotFound", "TagResource", resourceArn=text, tags=[]) == f"Resource not found: '{text}'"
    api.fails("TooManyTags", "TagResource", **tag, tags=[{"key": str(i), "value": ""} for i in range(50)])
    api.fails("ValidationException", "TagResource", **tag, tags=[{"key": "", "value": ""}])
    api.fails("ValidationException", "UntagResource", **tag)


def test_arns_are_read_by_segments(published):
    fails = published.fails
    for text, words in (
        ("x", "Invalid Arn: 'Invalid ARN prefix: x'"),
        ("arn:aws:states", "Invalid Arn: 'Region not specified"),
        ("arn:aws:lambda:us-east-1:000000000000:function:x", "Invalid Arn: 'Service not valid in this context"),
        (HOME + "express:a:b:c", "Invalid Arn: 'Resource type not valid in this context: express'"),
        (HOME + "execution:a:b", "Invalid Arn: 'Resource type not valid in this context: execution'"),
        (HOME + "stateMachine:order:1:2", "Invalid Arn: '"),
        (HOME.replace("us-east-1", "eu-west-1") + "stateMachine:order", "Invalid Arn: '"),
        (HOME.replace("000000000000", "111111111111") + "stateMachine:order", "Invalid Arn: '"),
    ):
        assert fails("InvalidArn", "DescribeStateMachine", stateMachineArn=text).startswith(words)
    with pytest.raises(Failed) as caught:
        published("DescribeStateMachine", stateMachineArn=arn("order/label"))
    assert caught.value.reason == "API_DOES_NOT_SUPPORT_LABELED_ARNS"


WAIT = {"StartAt": "Hold", "States": {"Hold": {"Type": "Wait", "Seconds": 3, "End": True}}}
REFUSED = {"__type": "com.amazonaws.swf.service.v2.model#InvalidDefinition", "message": "no such state"}


def engine(world, refuses):
    """A server that makes state machines, as far as weir asks for it."""

    def handle(connection):
        request = connection.read_request()
        asked = json.loads(request.body)
        answer = REFUSED if refuses(asked) else {"stateMachineArn": f"arn:aws:states:local:123456789012:stateMachine:{asked['name']}"}
        body = json.dumps(answer).encode()
        status = b"400 Bad Request" if refuses(asked) else b"200 OK"
        connection.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))

    return world.fake(handle)


def test_an_engine_gets_a_machine_for_each_revision(world):
    fake = engine(world, lambda asked: "refused" in asked["definition"])
    weir = world.weir({"functions": {}}, settings={"step_functions": {"engine": fake.url}})
    api = Api(weir)
    name = "a" * 80
    first, second = json.dumps(WAIT, indent=1), json.dumps({**WAIT, "Comment": "other"})
    assert api("ValidateStateMachineDefinition", definition=first)["result"] == "OK"
    made = api.create(name, first, publish=True)
    assert api.create(name, first, publish=True) == made
    updated = api("UpdateStateMachine", stateMachineArn=arn(name), definition=second, publish=True)
    api("UpdateStateMachine", stateMachineArn=arn(name), definition=second)
    asked = [json.loads(request.body) for request in fake.requests]
    assert [a["definition"] for a in asked] == [first, second] and all(len(a["name"]) == 80 for a in asked)
    assert all(r.headers["x-amz-target"] == "AWSStepFunctions.CreateStateMachine" for r in fake.requests)
    assert all(r.headers["content-type"] == JSON10 for r in fake.requests)
    assert asked[1]["name"] == "a" * 71 + "-" + updated["revisionId"][:8]
    versions = weir.admin("/table").json()["state_machines"][name]["versions"]
    for version, there in (("1", asked[0]), ("2", asked[1]), ("$LATEST", asked[1])):
        assert versions[version]["kind"] == "sfn" and versions[version]["endpoints"] == [fake.url]
        assert versions[version]["state_machine"].endswith(f":stateMachine:{there['name']}")
    assert api("DescribeStateMachine", stateMachineArn=arn(name, 1))["definition"] == first
    refused = json.dumps({**WAIT, "Comment": "refused"})
    assert api.fails("InvalidDefinition", "CreateStateMachine", name="b", definition=refused, roleArn=ROLE) == REFUSED["message"]
    assert api("UpdateStateMachine", stateMachineArn=arn(name), definition=http(1))["revisionId"]
    api.create("own", http(1))
    assert len(fake.requests) == 3


def test_an_engine_that_is_away_is_503(world):
    weir = world.weir({"functions": {}}, settings={"step_functions": {"engine": "http://127.0.0.1:1"}})
    with pytest.raises(Failed) as caught:
        Api(weir).create(definition=json.dumps(WAIT))
    assert caught.value.status == 503 and "step_functions.engine" in caught.value.message
    assert Api(weir)("ListStateMachines") == {"stateMachines": []}
