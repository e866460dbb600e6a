"""A real world: processes, ZeroMQ, real time. What is proved here is what only processes can show."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import msgpack
import pytest
import pytest_asyncio
import zmq

from actors.element import CallFailed
from actors.wire.envelope import encode_batch, pack
from orchestrator.config import default_world, load_world
from orchestrator.directory import home
from orchestrator.world import World
from tests.orchestrator.small_world import SMALL_WORLD

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE_S, SILENCE_S = 30, 3


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with World(load_world(default_world())) as world:
        yield world


async def fetch(world: World) -> dict[str, Any]:
    """Fetch until it works, however often what is broken just now gets in the way.

    A request that was on its way to a node as that lost power hears nothing for the load balancer's idle timeout."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(CallFailed, TimeoutError):
                async with asyncio.timeout(SILENCE_S):
                    answer: dict[str, Any] = await world.call("laptop", "fetch", url=world.config.url)
                if answer["status"] == 200:
                    return answer
            await asyncio.sleep(0.05)


def states(world: World) -> dict[str, tuple[int, int]]:
    return {element["name"]: (element["pid"], element["restarts"]) for element in world.ps()["elements"]}


async def test_every_element_is_a_process_of_its_own(world: World):
    pids = {element["pid"] for element in world.ps()["elements"]}
    assert len(pids) == len(world.ps()["elements"]) == len(world.config.elements) + 3, "and three pods"
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    assert {element["state"] for element in world.ps()["elements"]} == {"up"}


async def test_a_request_comes_back_from_a_pod(world: World):
    assert (await fetch(world))["status"] == 200


@pytest.mark.parametrize("victim", sorted(load_world(default_world()).elements))
async def test_a_killed_element_comes_back_and_nothing_else_dies(world: World, victim: str):
    before = states(world)
    world.kill(victim)
    await until(lambda: states(world)[victim][1] == before[victim][1] + 1)
    await asyncio.wait_for(world.until_up(victim), PATIENCE_S)
    await fetch(world)
    after = states(world)
    assert after.pop(victim)[0] != before.pop(victim)[0]
    if victim.startswith("node-"):  # its pods lose power with it, and are there again
        after, before = of_the_file(world, after), of_the_file(world, before)
    assert after == before, "nothing else died"


def of_the_file(world: World, states: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Those elements that the world's file names: no pods."""
    return {name: state for name, state in states.items() if name in world.config.elements}


async def test_a_killed_pod_is_another_process_with_the_same_name_in_the_world(world: World):
    before = states(world)
    pods = [name for name in before if name not in world.config.elements]
    world.kill(pods[0])
    await until(lambda: states(world).get(pods[0], before[pods[0]])[0] != before[pods[0]][0])
    await asyncio.wait_for(world.until_up(pods[0]), PATIENCE_S)
    await fetch(world)
    assert states(world).keys() == before.keys()
    assert of_the_file(world, states(world)) == of_the_file(world, before)


async def test_requests_go_on_while_a_router_dies(world: World):
    await world.call("laptop", "load_start", url=world.config.url, concurrency=8, duration_s=3.0)
    await asyncio.sleep(0.5)
    killed_at = (await world.call("laptop", "load_status"))["requests"]
    world.kill("transit-1")
    await world.until_up("transit-1")
    status: dict[str, Any] = {"running": True}
    async with asyncio.timeout(PATIENCE_S):
        while status["running"]:
            status = await world.call("laptop", "load_status")
            await asyncio.sleep(0.1)
    assert status["requests"] > killed_at > 0


def junk(dice: Random, count: int) -> list[bytes]:
    """Random bytes, msgpack of the wrong shape, and envelopes with wild frames."""
    messages = []
    for number in range(count):
        wild = dice.randbytes(dice.randrange(200))
        shapes: list[Any] = [
            {"t": wild},
            {"t": "hello"},
            {"t": "records"},
            [wild],
            {"t": "call", "id": number},
            7,
        ]
        messages.append(dice.choice([wild, msgpack.packb(dice.choice(shapes)), b""]))
    return messages


async def test_junk_on_the_control_socket_is_counted_and_kills_nothing(world: World):
    before, malformed = states(world), world.malformed_control()
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.connect(f"ipc://{world.directory}/control.sock")
        sent = junk(Random(1), 2000)
        for message in sent:
            socket.send(message)
        await until(lambda: world.malformed_control() == malformed + len(sent))
    await fetch(world)
    assert states(world) == before


async def test_junk_on_every_link_socket_is_counted_and_kills_nothing(world: World):
    before = states(world)
    dice = Random(2)
    links = list(world.config.links)
    with zmq.Context() as context:
        for name in world.config.elements:
            with context.socket(zmq.PUSH) as socket:
                socket.set(zmq.LINGER, 5000)
                socket.connect(f"ipc://{world.directory}/links/{name}")
                for message in junk(dice, 200):
                    socket.send(message)
                for _ in range(200):
                    wild = dice.randbytes(dice.randrange(100))
                    socket.send(
                        encode_batch([pack((dice.choice(links), dice.randrange(1 << 50), None, wild))])
                    )
    await fetch(world)
    for name in world.config.elements:
        numbers = await world.call(name, "metrics")
        assert numbers["journey_runtime_malformed_messages_total"] >= 100, name
        assert numbers["journey_runtime_element_errors_total"] == 0, name
    assert states(world) == before


def run_world(home_directory: Path, file: Path) -> subprocess.Popen[str]:
    program = (
        "import asyncio, json, sys\n"
        "from pathlib import Path\n"
        "from orchestrator.config import load_world\n"
        "from orchestrator.world import World\n"
        "async def main():\n"
        "    async with World(load_world(Path(sys.argv[1]))) as world:\n"
        "        print(json.dumps(world.ps()), flush=True)\n"
        "        await world.wait()\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "JOURNEY_HOME": str(home_directory)}
    return subprocess.Popen(
        [sys.executable, "-c", program, str(file)], stdout=subprocess.PIPE, text=True, env=environment
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "end, size",
    [
        ("kill the orchestrator", "default"),
        ("kill the fork server", "small"),
        ("interrupt the orchestrator", "small"),
    ],
)
async def test_nothing_is_left_behind(tmp_path: Path, end: str, size: str):
    directory = home() / f"test{os.getpid()}"
    directory.mkdir()
    (tmp_path / "small.yaml").write_text(SMALL_WORLD)
    process = run_world(directory, default_world() if size == "default" else tmp_path / "small.yaml")
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        told = json.loads(line)
        pids = [element["pid"] for element in told["elements"]]
        parent = int(Path(f"/proc/{pids[0]}/stat").read_text().rsplit(")", 1)[1].split()[1])
        assert all(alive(pid) for pid in pids)
        victim = parent if end == "kill the fork server" else process.pid
        os.kill(victim, signal.SIGINT if end.startswith("interrupt") else signal.SIGKILL)
        await until(lambda: not any(alive(pid) for pid in [*pids, parent]))
        await until(lambda: process.poll() is not None)
        await until(lambda: not Path(told["directory"]).exists())
    finally:
        process.kill()
        process.communicate()
        directory.rmdir()
