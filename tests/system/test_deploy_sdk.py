"""The AWS SDK for JavaScript, and Debian's command line, shift an alias with both hooks."""

import json
import subprocess

import pytest
from harness.aws import CommandLine
from harness.places import ADDRESS, SANITIZED
from harness.waiting import wait_until
from test_deploy import ROLE, Hook, Lab, appspec

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SANITIZED, reason="it is the client that differs, not weir")]

SCRIPT = """
const sdk = require("@aws-sdk/client-codedeploy");
const [endpoint, serviceRoleArn, content] = process.argv.slice(2);
const api = new sdk.CodeDeployClient({ endpoint, region: "us-east-1", maxAttempts: 1,
                                       credentials: { accessKeyId: "test", secretAccessKey: "test" } });
const error = async (command) => { try { await api.send(command); return null; }
                                   catch (e) { return [e.constructor.name, e.name, e.$metadata.httpStatusCode]; } };
(async () => {
  const out = {}, applicationName = "shop", deploymentGroupName = "prod", group = { applicationName, deploymentGroupName };
  await api.send(new sdk.CreateApplicationCommand({ applicationName, computePlatform: "Lambda" }));
  await api.send(new sdk.CreateDeploymentGroupCommand({ ...group, serviceRoleArn,
    deploymentConfigName: "CodeDeployDefault.LambdaLinear10PercentEvery1Minute" }));
  const revision = { revisionType: "AppSpecContent", appSpecContent: { content } };
  const { deploymentId } = await api.send(new sdk.CreateDeploymentCommand({ ...group, revision }));
  const waiting = { client: api, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
  out.waited = (await sdk.waitUntilDeploymentSuccessful(waiting, { deploymentId })).state;
  const { deploymentInfo } = await api.send(new sdk.GetDeploymentCommand({ deploymentId }));
  out.status = deploymentInfo.status;
  out.isDate = deploymentInfo.completeTime instanceof Date;
  out.listed = [];
  for await (const { deployments } of sdk.paginateListDeployments({ client: api }, group)) out.listed.push(...deployments);
  const { targetIds } = await api.send(new sdk.ListDeploymentTargetsCommand({ deploymentId }));
  const { deploymentTarget } = await api.send(new sdk.GetDeploymentTargetCommand({ deploymentId, targetId: targetIds[0] }));
  out.weight = deploymentTarget.lambdaTarget.lambdaFunctionInfo.targetVersionWeight;
  out.events = deploymentTarget.lambdaTarget.lifecycleEvents.map((e) => e.status);
  out.configs = 0;
  for await (const page of sdk.paginateListDeploymentConfigs({ client: api }, {})) out.configs += page.deploymentConfigsList.length;
  out.errors = [
    await error(new sdk.GetApplicationCommand({ applicationName: "nobody" })),
    await error(new sdk.StopDeploymentCommand({ deploymentId })),
    await error(new sdk.ContinueDeploymentCommand({ deploymentId })),
    await error(new sdk.CreateDeploymentCommand({ ...group, revision: { revisionType: "S3", s3Location: { bucket: "b", key: "k" } } })),
  ];
  out.isOne = out.listed.length == 1 && out.listed[0] == deploymentId;
  console.log(JSON.stringify(out));
})();
"""


@pytest.fixture(scope="module")
def codedeploy(sdk):
    """The SDK's folder, with its client of CodeDeploy."""
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", sdk, "@aws-sdk/client-codedeploy@3"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("npm takes too long to install the SDK")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the SDK: {done.stderr.decode(errors='replace')[-200:]}")
    return sdk


def with_hooks(world):
    """A lab, its hook, and an AppSpec with it on both sides."""
    hook = Hook(world, answer=b'{"status": "Succeeded"}')
    lab = Lab(world, {"shifts": {"minute_ms": 60}})
    return lab, hook, appspec(hooks={"BeforeAllowTraffic": hook.url + "/before", "AfterAllowTraffic": hook.url + "/after"})


def test_the_sdk_for_javascript(world, codedeploy):
    lab, hook, content = with_hooks(world)
    script = codedeploy / "shift.cjs"
    script.write_text(SCRIPT)
    done = subprocess.run(["node", script, f"http://{ADDRESS}:{lab.weir.admin_port}", ROLE, content], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    out = json.loads(done.stdout)
    assert (out["waited"], out["status"], out["isDate"], out["isOne"]) == ("SUCCESS", "Succeeded", True, True)
    assert out["weight"] == 100 and out["events"] == ["Succeeded"] * 5 and out["configs"] == 9
    assert [c.target for c in hook.calls] == ["/before", "/after"] and lab.alias() == {"2": 1}
    names = ["ApplicationDoesNotExistException", "DeploymentAlreadyCompletedException", "UnsupportedActionForDeploymentTypeException",
             "InvalidRevisionException"]  # fmt: skip
    assert out["errors"] == [[name, name, 400] for name in names]


@pytest.mark.parametrize("failing", [None, "/before", "/after"], ids=["well", "before fails", "after fails"])
def test_the_command_line_with_both_hooks(world, failing):
    """Walk-through 2: PROD from version 1 to 2, and back where a hook fails."""
    lab, hook, content = with_hooks(world)

    def answer(connection):
        while request := connection.read_request():
            hook.calls.append(request)
            body = b'{"status": "%s"}' % (b"Failed" if request.target == failing else b"Succeeded")
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    hook.fake.handler = answer
    deploy = CommandLine(lab.weir.admin_port)

    def aws_deploy(*arguments):
        return deploy(*arguments, service="deploy")

    aws_deploy("create-application", "--application-name", "shop", "--compute-platform", "Lambda")
    aws_deploy("create-deployment-group", "--application-name", "shop", "--deployment-group-name", "prod", "--service-role-arn", ROLE,
               "--deployment-config-name", "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
               "--auto-rollback-configuration", "enabled=true,events=DEPLOYMENT_FAILURE")  # fmt: skip
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}
    made = aws_deploy("create-deployment", "--application-name", "shop", "--deployment-group-name", "prod", "--revision", json.dumps(revision))
    info = lab.ends(made["deploymentId"], "Failed" if failing else "Succeeded")
    if not failing:
        assert [c.target for c in hook.calls] == ["/before", "/after"] and lab.alias() == {"2": 1}
        return
    assert info["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"
    shown = aws_deploy("get-deployment", "--deployment-id", made["deploymentId"])["deploymentInfo"]
    lab.ends(shown["rollbackInfo"]["rollbackDeploymentId"])
    wait_until(lambda: lab.alias() == {"1": 1}, "version 1 has all")
