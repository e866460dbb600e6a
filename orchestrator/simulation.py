"""A whole world in this process, on the virtual clock: equal seeds give equal journals, byte for byte."""

import hashlib
import json
import random
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from actors.links.impairments import LinkConfig
from actors.runtime.virtual import VirtualNetwork
from orchestrator import pki
from orchestrator.config import World as WorldConfig
from orchestrator.settling import settle, who_settles

WATCHED_EVERY_S = 1.0
"""While load runs, one request in this time is a recorded journey."""


def build(config: WorldConfig, seed: int, directory: Path) -> VirtualNetwork:
    """The elements and links of a world's config, on a virtual clock that has not started yet."""
    network = VirtualNetwork(seed, directory)
    for name, element in config.elements.items():
        network.add(name, element.kind, element.config)
    for name, link in config.links.items():
        one, other = (_end(text) for text in link.between)
        network.join(name, one, other, LinkConfig.model_construct(**link.model_dump()))
    return network


def _end(text: str) -> tuple[str, str]:
    element, port = text.split(".", 1)
    return element, port


def furnish(config: WorldConfig, directory: Path) -> None:
    """Put into the directory what elements expect there: certificates, and places for logs."""
    for name in ("certs", "logs"):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    _papers(tuple(config.certificate_names())).write(directory)


@cache
def _papers(domains: tuple[str, ...]) -> pki.Papers:
    """Made once for all worlds of this process: they are simulated, so that nobody outside trusts them, and to make new
    keys takes a third of the time in which such a world comes up."""
    return pki.new_papers(domains)


async def settled(network: VirtualNetwork, config: WorldConfig) -> list[str]:
    """Wait until the world is as its manifests want it; the elements that are not, when patience is at its end."""

    async def ask(name: str) -> bool:
        return bool(await network.host(name).answer("settled", {}))

    kinds = {name: element.kind for name, element in config.elements.items()}
    return await settle(who_settles(kinds), ask, network.hosts[next(iter(kinds))].sleep)


def journal_hash(journal: list[dict[str, Any]]) -> str:
    """SHA-256 over the records in their order."""
    digest = hashlib.sha256()
    for record in journal:
        digest.update(json.dumps(record, sort_keys=True, separators=(",", ":")).encode())
    return digest.hexdigest()


def simulate(
    config: WorldConfig,
    seed: int,
    *,
    laptop: str | None = None,
    concurrency: int = 8,
    duration_s: float = 5.0,
    url: str | None = None,
) -> dict[str, Any]:
    """Run the world under a closed loop of load from one laptop (the first, if none is named) on the virtual clock.

    One journey before the load and one in each second of it are recorded. Returns `journal_hash`, `journal`, `load`
    (what the laptop counted), `journeys` (their ids), `virtual_s`, `wall_s`, `frames`.
    """
    dice = random.Random(seed)
    journeys: list[str] = []
    laptop = laptop or next(name for name, element in config.elements.items() if element.kind == "laptop")
    with tempfile.TemporaryDirectory(prefix="journey-") as name:
        directory = Path(name)
        furnish(config, directory)
        network = build(config, seed, directory)

        async def watch() -> dict[str, Any]:
            journeys.append(f"{dice.getrandbits(128):032x}")
            return await network.host(laptop).answer("fetch", {"url": target, "journey": journeys[-1]})

        async def story() -> dict[str, Any]:
            host = network.host(laptop)
            await settled(network, config)
            await watch()
            await host.answer(
                "load_start", {"url": target, "concurrency": concurrency, "duration_s": duration_s}
            )
            while (status := await host.answer("load_status", {}))["running"]:
                await host.sleep(WATCHED_EVERY_S)
                await watch()
            return status

        target = url or config.url
        began = time.monotonic()
        load = network.run(story())
        wall_s = time.monotonic() - began
    network.journal.append({"t_ns": network.loop.now_ns, "kind": "load.end", "journey": None, **load})
    return {
        "seed": seed,
        "journal_hash": journal_hash(network.journal),
        "journal": network.journal,
        "journeys": journeys,
        "load": load,
        "virtual_s": network.loop.now_ns / 1e9,
        "wall_s": wall_s,
        "frames": network.loop.frames,
    }
