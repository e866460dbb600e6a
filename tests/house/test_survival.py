"""What every element must survive, in the default world on the virtual clock: junk on each of its ports."""

import os
import traceback
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.element import JOURNEY
from actors.runtime.virtual import VirtualNetwork
from orchestrator.config import default_world, load_world
from orchestrator.simulation import build, furnish

FRAMES = int(os.environ.get("JOURNEY_JUNK_FRAMES", "200"))
"""Junk frames for each port; the full dose is 10,000."""

WORLD = load_world(default_world())
A_JOURNEY = "0123456789abcdef" * 2
HEALTHY_S = 2.0
"""The targets have passed their first health checks by then."""
RECOVERY_S = 600.0
"""Mutated frames are sometimes valid ones that poison a cache; by then those entries have expired."""
DOUBT_S = 10.0
"""A neighbour with a poisoned MAC address is doubted only once it is used: 5 s of delay, and three probes."""

Frames = dict[tuple[str, str], list[bytes]]


@pytest.fixture
def network(tmp_path: Path) -> VirtualNetwork:
    furnish(WORLD, tmp_path)
    return build(WORLD, 7, tmp_path)


def ports_of(network: VirtualNetwork) -> list[tuple[str, str]]:
    """Every port of every element that there is, pods' ends of veths and nodes' too."""
    return [(name, port) for name, host in network.hosts.items() for port in host.ports]


def record_frames(network: VirtualNetwork, frames: Frames) -> Frames:
    """From now on, the frames that each port is sent."""
    for host in network.hosts.values():
        for port in host.ports.values():
            frames_there = frames[port.peer, port.peer_port]
            port.tap = lambda _link, _sender, _depart, frame, _journey, there=frames_there: there.append(
                frame
            )
    return frames


def spoil(dice: Random, frame: bytes) -> bytes:
    """A frame with a few bytes changed, cut short, or lengthened."""
    spoilt = bytearray(frame)
    match dice.randrange(4):
        case 0:
            return dice.randbytes(dice.randrange(200))
        case 1:
            return frame[: dice.randrange(len(frame))]
        case 2:
            return frame + dice.randbytes(dice.randrange(50))
        case _:
            for _ in range(dice.randrange(1, 5)):
                spoilt[dice.randrange(min(len(frame), 120))] = dice.randrange(256)
            return bytes(spoilt)


def junk(dice: Random, frames: list[bytes]) -> Iterator[bytes]:
    for _ in range(FRAMES):
        yield spoil(dice, dice.choice(frames or [bytes(60)]))


async def fetch(network: VirtualNetwork) -> dict[str, Any]:
    return await network.host("laptop").answer("fetch", {"url": WORLD.url, "journey": None})


def troubles(network: VirtualNetwork) -> set[str]:
    """What went wrong in elements, each place in the code once."""
    found = set()
    for error in network.troubles:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        found.add(f"{frame.filename}:{frame.lineno} {error!r} {' '.join(error.__notes__)}")
    network.troubles.clear()
    return found


def count_of_junk(network: VirtualNetwork, name: str) -> float:
    """What an element with ports has counted as malformed, in whichever of its protocols."""
    return sum(value for key, value in network.host(name).metrics.values().items() if "malformed" in key)


def test_junk_on_every_port_harms_nothing_for_long(network: VirtualNetwork):
    dice = Random(1)

    async def story() -> tuple[int, set[str], int]:
        frames = record_frames(network, defaultdict(list))
        await network.host("laptop").sleep(HEALTHY_S)
        record_frames(network, frames)  # of the pods, too, which have come meanwhile
        before = await fetch(network)
        for name, port in ports_of(network):
            host = network.host(name)
            for number, frame in enumerate(junk(dice, frames[name, port])):
                JOURNEY.set(A_JOURNEY if number % 3 == 0 else None)
                host.deliver(port, frame)
                if number % 20 == 0:
                    await host.sleep(0.001)
            JOURNEY.set(None)
        await network.host("laptop").sleep(RECOVERY_S)
        await fetch(network)
        await network.host("laptop").sleep(DOUBT_S)
        after = await fetch(network)
        return before["status"], troubles(network), after["status"]

    assert network.run(story()) == (200, set(), 200)
    deaf = [
        name
        for name, host in network.hosts.items()
        if host.ports and count_of_junk(network, name) < FRAMES / 10
    ]
    assert not deaf, "these do not count junk"
