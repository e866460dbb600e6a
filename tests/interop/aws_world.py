"""A world with AWS's API, in processes, and those who ask it: the `aws` CLI, and boto3.

The CLI is botocore with options for its parameters, and half a second of a core a call: it is asked once for each kind
of thing that is its own (options, pages, waiters, its words when refused), boto3 for the rest.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

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
        self._session = boto3.Session(
            aws_access_key_id=KEY, aws_secret_access_key="not-looked-at", region_name=REGION
        )
        self._clients: dict[tuple[str, str], Any] = {}

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

    def client(self, service: str, region: str = REGION) -> Any:
        """A client of boto3's, which blocks: use it within `aside`. All who want the same one share it."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._session.client(
                service,
                region,
                endpoint_url=self.url,
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[service, region]

    async def aside(self, work: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(work)

    async def refused(self, work: Callable[[], Any]) -> str:
        """What boto3 says when it does not go well: the CLI's words, but for the retries that are turned off here."""
        with pytest.raises(ClientError) as caught:
            await self.aside(work)
        return str(caught.value).replace(" (reached max retries: 0)", "")


@asynccontextmanager
async def aws_world(directory: Path, text: str = WORLD) -> AsyncIterator[Aws]:
    (directory / "packet-journey.com.zone").write_text(ZONE_FILE)
    file = directory / "world.yaml"
    file.write_text(text)
    async with World(load_world(file)) as world:
        yield Aws(world, directory)
