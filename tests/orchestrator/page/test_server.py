"""The page over HTTP in a world that is reached in another way: what it writes into itself, and when it refuses."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from actors.element import CallFailed
from orchestrator.control.api import ENVIRONMENT, RequestFailed
from orchestrator.control.service import Service
from orchestrator.journal.store import JournalStore
from orchestrator.metrics.ledger import Ledger
from orchestrator.page.door import Door
from orchestrator.page.server import PageServer
from orchestrator.page.shell import Shell

SHELL = Shell("journey --world <here>", "make {} pods")


class World:
    """Nobody is in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.journal, self.metrics = JournalStore(), Ledger()
        self.numbers = SimpleNamespace(frames_dropped=SimpleNamespace(value=0))
        self.config = SimpleNamespace(name="a & b", elements={}, links={})
        self.addresses: dict[str, str] = {}
        self.members = SimpleNamespace(link_ends=dict)

    def ps(self) -> dict[str, Any]:
        return {"elements": []}

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        raise CallFailed(f"there is no {element}")


@pytest.fixture
def world(tmp_path: Path) -> Any:
    return World(tmp_path)


@pytest.fixture
async def client(world: Any) -> AsyncIterator[Any]:
    def too_early() -> None:
        raise RequestFailed("the world is still coming up", ENVIRONMENT)

    server = PageServer(world, Service(world), "127.0.0.1", SHELL, too_early)
    async with TestClient(TestServer(server._application())) as client:
        client.token = server._guard.token  # type: ignore[attr-defined]
        yield client


async def test_the_page_knows_how_its_world_is_commanded(client: Any) -> None:
    text = await (await client.get("/")).text()
    assert '<meta name="journey-shell" content="journey --world &lt;here&gt;">' in text
    assert '<meta name="journey-scale" content="make {} pods">' in text
    assert "<title>a &amp; b · journey</title>" in text and "{{" not in text


async def test_a_world_that_nobody_has_come_to_has_an_empty_map(client: Any) -> None:
    """Whoever looks on from the first moment gets no more, and the token for later."""
    stream = await client.get("/events")
    first = json.loads((await stream.content.readline()).removeprefix(b"data: "))
    assert first["map"] == {"elements": [], "links": []}
    assert first["token"] == client.token
    stream.close()


async def test_commands_are_refused_while_it_is_too_early(client: Any) -> None:
    headers = {"X-Journey-Token": client.token}
    answer = await client.post("/api/do", json={"do": "trace"}, headers=headers)
    assert (answer.status, await answer.json()) == (400, {"error": "the world is still coming up"})
    assert (await client.post("/api/do", json={"do": "trace"})).status == 403, "a stranger hears less"


async def test_the_ca_is_given_away_once_there_is_one(client: Any, world: Any) -> None:
    assert (await client.get("/ca.pem")).status == 400
    (world.directory / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    answer = await client.get("/ca.pem")
    assert answer.content_type == "application/pem-certificate-chain"
    assert await answer.text() == "-----BEGIN CERTIFICATE-----\n"


async def test_what_is_printed_is_where_browsers_come(world: Any) -> None:
    async with Door(world, None, "127.0.0.1:0", shown="http://127.0.0.1:8800/"):  # type: ignore[arg-type]
        assert world.addresses == {"page": "http://127.0.0.1:8800/"}
