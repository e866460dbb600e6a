"""A world with AWS's API, in processes, and those who ask it: the `aws` CLI, and boto3."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from orchestrator.config import load_world
from orchestrator.world import World

PATIENCE_S = 60.0
REGION = "eu-west-1"
KEY = "AKIAIOSFODNN7EXAMPLE"

ZONE_FILE = """
$ORIGIN packet-journey.com.
$TTL 300
@         172800 IN NS    ns-1.awsdns-01.com.
@            900 IN SOA   ns-1.awsdns-01.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400
www              IN CNAME packet-journey.com.
"""
WORLD = """
version: 1
url: https://packet-journey.com/
elements:
  aws-api:
    kind: aws_api
    certificates: [packet-journey.com, example.org]
    hosted_zones: [packet-journey.com.zone]
    control_plane: {delays: {record_change: 1s}}
"""


class Aws:
    """A running API, and a home directory for the CLI."""

    def __init__(self, world: World, home: Path) -> None:
        self.world = world
        self.url = world.addresses["aws_api"]
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": "not-looked-at",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_PAGER": "",
            "AWS_MAX_ATTEMPTS": "1",
        }

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "aws", *arguments, stdout=pipe, stderr=pipe, env=self.environment
        )
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def cli(self, *arguments: str) -> Any:
        """What the CLI prints when all goes well, as a value."""
        code, out, err = await self.run(*arguments, "--output", "json")
        assert code == 0, err
        return json.loads(out) if out.strip() else None

    async def refusal(self, *arguments: str) -> str:
        """What the CLI says when it does not."""
        code, out, err = await self.run(*arguments)
        assert code != 0, out
        return err.strip()

    def client(self, service: str, **more: Any) -> Any:
        """A client of boto3's, which blocks: use it within `aside`."""
        return boto3.Session(
            aws_access_key_id=KEY, aws_secret_access_key="not-looked-at", region_name=REGION
        ).client(service, endpoint_url=self.url, config=Config(retries={"total_max_attempts": 1}), **more)

    async def aside(self, work: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(work)


@asynccontextmanager
async def aws_world(directory: Path, text: str = WORLD) -> AsyncIterator[Aws]:
    (directory / "packet-journey.com.zone").write_text(ZONE_FILE)
    file = directory / "world.yaml"
    file.write_text(text)
    async with World(load_world(file)) as world:
        yield Aws(world, directory)
