"""The AWS SDK for JavaScript drives weir: the life of a function, and errors by their classes."""

import json
import subprocess

import pytest
from harness import tables
from harness.places import ADDRESS, SANITIZED

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SANITIZED, reason="it is the client that differs, not weir")]

SCRIPT = """
const sdk = require("@aws-sdk/client-lambda");
const client = (endpoint) => new sdk.LambdaClient({ endpoint, region: "us-east-1", maxAttempts: 1,
                                                     credentials: { accessKeyId: "test", secretAccessKey: "test" } });
const [api, data] = process.argv.slice(2, 4).map(client);
const [first, second] = process.argv.slice(4);
const FunctionName = "made", Name = "live", Role = "arn:aws:iam::000000000000:role/lambda";
const error = async (promise) => { try { await promise; return null; }
                                   catch (e) { return [e.constructor.name, e.name, e.$metadata.httpStatusCode]; } };
const runs = async (n) => {
  const seen = {};
  for (let i = 0; i < n; i++) {
    const { ExecutedVersion } = await data.send(new sdk.InvokeCommand({ FunctionName, Qualifier: Name, Payload: "{}" }));
    seen[ExecutedVersion] = (seen[ExecutedVersion] ?? 0) + 1;
  }
  return seen;
};
(async () => {
  const out = {};
  await api.send(new sdk.CreateFunctionCommand({ FunctionName, Role, Code: { ImageUri: first }, PackageType: "Image", Publish: true }));
  const waiting = { client: api, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
  out.active = (await sdk.waitUntilFunctionActiveV2(waiting, { FunctionName })).state;
  await api.send(new sdk.UpdateFunctionCodeCommand({ FunctionName, ImageUri: second }));
  out.updated = (await sdk.waitUntilFunctionUpdatedV2(waiting, { FunctionName })).state;
  out.version = (await api.send(new sdk.PublishVersionCommand({ FunctionName }))).Version;
  const alias = await api.send(new sdk.CreateAliasCommand({ FunctionName, Name, FunctionVersion: "1" }));
  const weights = { RoutingConfig: { AdditionalVersionWeights: { 2: 0.2 } } };
  await api.send(new sdk.UpdateAliasCommand({ FunctionName, Name, ...weights, RevisionId: alias.RevisionId }));
  out.canary = await runs(50);
  await api.send(new sdk.UpdateAliasCommand({ FunctionName, Name, RoutingConfig: {} }));
  out.rolledBack = await runs(10);
  const page = { client: api, pageSize: 2 };
  out.versions = [];
  for await (const { Versions } of sdk.paginateListVersionsByFunction(page, { FunctionName }))
    out.versions.push(...Versions.map((v) => v.Version));
  out.url = (await api.send(new sdk.CreateFunctionUrlConfigCommand({ FunctionName, AuthType: "NONE", InvokeMode: "RESPONSE_STREAM" }))).InvokeMode;
  out.errors = [
    await error(api.send(new sdk.CreateAliasCommand({ FunctionName, Name, FunctionVersion: "1" }))),
    await error(api.send(new sdk.GetFunctionCommand({ FunctionName: "nobody" }))),
    await error(api.send(new sdk.UpdateAliasCommand({ FunctionName, Name, RevisionId: alias.RevisionId }))),
    await error(api.send(new sdk.CreateFunctionCommand({ FunctionName: "n", Role, Code: { ZipFile: Buffer.from("x") } }))),
    await error(api.send(new sdk.GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier: Name }))),
  ];
  await api.send(new sdk.DeleteAliasCommand({ FunctionName, Name }));
  await api.send(new sdk.DeleteFunctionCommand({ FunctionName }));
  out.left = (await api.send(new sdk.ListFunctionsCommand({}))).Functions.map((f) => f.FunctionName);
  console.log(JSON.stringify(out));
})();
"""


def test_the_life_of_a_function(world, sdk):
    demos = {v: world.demo(v) for v in ("1", "2")}
    weir = world.weir(tables.one(demos["1"]))
    script = sdk / "life.cjs"
    script.write_text(SCRIPT)
    ports = [f"http://{ADDRESS}:{port}" for port in (weir.admin_port, weir.port)]
    done = subprocess.run(["node", script, *ports, *(d.url for d in demos.values())], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    out = json.loads(done.stdout)
    assert (out["active"], out["updated"], out["version"]) == ("SUCCESS", "SUCCESS", "2")
    assert out["canary"] == {"1": 40, "2": 10} and out["rolledBack"] == {"1": 10}
    assert out["versions"] == ["$LATEST", "1", "2"] and out["url"] == "RESPONSE_STREAM"
    names = ["ResourceConflictException", "ResourceNotFoundException", "PreconditionFailedException",
             "InvalidParameterValueException", "ProvisionedConcurrencyConfigNotFoundException"]  # fmt: skip
    assert out["errors"] == [[name, name, status] for name, status in zip(names, (409, 404, 412, 400, 404))]
    assert out["left"] == ["hello"]
