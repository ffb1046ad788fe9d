"""Stock clients of the AWS Lambda API against a weir: boto3 and the AWS command line."""

import json
import os
import subprocess

from .places import ADDRESS

REGION, ACCOUNT = "us-east-1", "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def arn(function, qualifier=None, account=ACCOUNT):
    return f"arn:aws:lambda:{REGION}:{account}:function:{function}" + (f":{qualifier}" if qualifier else "")


def client(port, service="lambda", keys=("test", "test"), **more):
    """boto3's client; a test that calls it is skipped where boto3 is not installed."""
    import pytest

    boto3 = pytest.importorskip("boto3", reason="python3-boto3 is not installed")
    config = pytest.importorskip("botocore.config").Config(
        retries={"max_attempts": 0}, read_timeout=30, connect_timeout=5, **more
    )
    return boto3.client(
        service,
        endpoint_url=f"http://{ADDRESS}:{port}",
        region_name=REGION,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        config=config,
    )


class Error(Exception):
    """What the command line wrote on standard error."""


class CommandLine:
    """Debian's aws, which is of version 2."""

    PROGRAM = "/usr/bin/aws"

    def __init__(self, port):
        self.endpoint = f"http://{ADDRESS}:{port}"

    def __call__(self, operation, *arguments, service="lambda"):
        command = [self.PROGRAM, service, operation, *arguments, "--endpoint-url", self.endpoint, "--output", "json", "--no-cli-pager"]
        done = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise Error(done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None
