"""`journey aws`: the real AWS CLI, on the running world's AWS API."""

import os
import shutil

import typer

from orchestrator.commands.failure import environment
from orchestrator.commands.options import the_world

ADDRESS = "aws_api"
DEFAULT_REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "journey", "AWS_SECRET_ACCESS_KEY": "journey"}
"""Signatures are not checked, but the CLI does not ask without them."""
UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
"""What would lead the CLI to a real account."""


def aws(ctx: typer.Context) -> None:
    """Run the AWS CLI on the running world's AWS API. All that follows is for the CLI, options too.

    [bold]Examples[/bold]

      journey aws elbv2 describe-load-balancers
      journey aws elbv2 describe-target-groups --output table
      journey aws ec2 describe-network-interfaces

    Ends as the CLI does. No request leaves this machine.
    """
    if ctx.args in (["--help"], ["-h"]):
        print(ctx.get_help())
        return
    found = the_world().request("ps")
    address = found["addresses"].get(ADDRESS)
    if address is None:
        environment("this world has no AWS API (an element of kind aws_api)")
    program = shutil.which("aws")
    if program is None:
        environment(
            "the AWS CLI is not installed: `pip install awscli` gets it, or see "
            "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html\n"
            "(`journey get alb` and `journey set alb.KEY=VALUE` work without it)"
        )
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    os.execve(program, ["aws", *ctx.args], cli_environment(address, region))


def cli_environment(address: str, region: str) -> dict[str, str]:
    """What leads the CLI, and whatever it starts, to this world and nowhere else."""
    endpoint = address if "://" in address else f"http://{address}"
    kept = {key: value for key, value in os.environ.items() if key not in UNSET}
    return {
        **kept,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }
