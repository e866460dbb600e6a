"""`python -m orchestrator.compose`: the orchestrator of a world whose elements are containers.

python -m orchestrator.compose [FILE]       be it: makes the keys at its first start, waits for the containers
python -m orchestrator.compose health       exit 0 if every element is up (a health check)
python -m orchestrator.compose token        what `journey --world compose` shows to be let in
"""

import asyncio
import logging
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from actors.links.curve import ELEMENTS, ORCHESTRATOR, Keys, load_keys, make_pair
from orchestrator.compose.early import Threshold
from orchestrator.compose.ports import CONTROL, HOST, METRICS, Ports, outward, ports_of
from orchestrator.compose.replicas import Replicas
from orchestrator.config import default_world, load_world
from orchestrator.control.api import ApiServer, Client, Remote
from orchestrator.control.service import Service
from orchestrator.hosts.containers import ContainerHost
from orchestrator.page.door import Door
from orchestrator.page.shell import Shell
from orchestrator.world import World

START_S = 240.0
"""Some thirty containers on a small machine start one Python each."""
DEPLOYMENT, POD_KIND = "nginx", "nginx_pod"
SHELL = Shell("journey --world compose", "docker compose up --detach --scale nginx-pod={}")
EVERYWHERE = "0.0.0.0"


def _path(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable, default))


RUN, STATE, KEYS = (
    _path("JOURNEY_RUN", "/run/journey"),
    _path("JOURNEY_STATE", "/var/lib/journey"),
    _path("JOURNEY_KEYS", "/etc/journey/keys"),
)


def main() -> int:
    """The exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    match sys.argv[1:]:
        case ["health"]:
            return _health()
        case ["token"]:
            print(_token())
            return 0
        case [] | [_]:
            return asyncio.run(_serve(Path(sys.argv[1]) if sys.argv[1:] else default_world()))
    print(__doc__, file=sys.stderr)
    return 2


def make_keys() -> Keys:
    """The orchestrator's keys; made, with those of the elements, unless they are there."""
    make_pair(ORCHESTRATOR, KEYS, STATE)
    make_pair(ELEMENTS, KEYS, KEYS)
    return load_keys(ORCHESTRATOR, KEYS, STATE)


def _token() -> str:
    path = STATE / "api.token"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()


def _health() -> int:
    elements = Client(Remote(HOST, ports_of().api, _token())).request("ps")["elements"]
    return 0 if elements and all(each["state"] in ("up", "late") for each in elements) else 1


def _clean_directory() -> Path:
    """The run directory, which all containers see; what an earlier world has left there is removed."""
    for left in RUN.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for name in ("certs", "links", "logs"):
        (RUN / name).mkdir(mode=0o700)
    return RUN


async def _serve(file: Path) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ports = ports_of()
    doors = {"address": EVERYWHERE, "ports": {"kube_api": ports.kube_api, "aws_api": ports.aws_api}}
    control = f"tcp://{EVERYWHERE}:{CONTROL}"
    host = ContainerHost(_clean_directory(), control, make_keys(), start_s=START_S, doors=doors)
    world = World(load_world(file), host)
    service, threshold = Service(world), Threshold(world)
    server = ApiServer(
        Remote(EVERYWHERE, ports.api, _token()),
        threshold.answers(service.answers),
        threshold.streams(service.streams),
    )
    await server.start()
    await world.export(f"{EVERYWHERE}:{METRICS}")
    world.addresses["metrics"] = f"http://{HOST}:{ports.metrics}/metrics"
    starting = asyncio.create_task(world.start())
    ends = [asyncio.create_task(stopped.wait()), asyncio.create_task(service.down.wait())]
    try:
        async with _page(world, service, threshold, ports):
            await asyncio.wait({starting, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if not any(end.done() for end in ends):
                starting.result()
                threshold.open = True
                await _open(world, ports)
                await _live(world, host, ends)
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await server.close()
        await world.stop()
    return 0 if any(end.done() for end in ends) else 3


def _page(world: World, service: Service, threshold: Threshold, ports: Ports) -> Door:
    """Before the world is up, too: whoever looks sees who has come, and commands are refused as all others are."""
    where = f"{outward()}:{ports.page}"
    shown = f"http://{HOST}:{ports.page}/"
    return Door(world, service, where, shown=shown, shell=SHELL, admit=threshold.check)


async def _open(world: World, ports: Ports) -> None:
    """What real programs come in by: DNS servers here, the laptop's own doors there. Raises `PortTaken`."""
    first, last = ports.dns
    await world.doors.serve_dns(f"{outward()}:{first}")
    for name in [name for name in world.addresses if name.partition(".")[0] == "dns"]:
        port = int(world.addresses.pop(name).rpartition(":")[2])
        if port <= last:  # a world with more of them has some that are not published
            world.addresses[name] = f"{HOST}:{port}"
    await world.doors.serve_clients(
        f"{HOST}:{ports.ingress}",
        f"{HOST}:{ports.proxy}",
        page=f"{world.addresses['page']}#journey=",
        others=False,  # whose ports the engine does not publish
    )


async def _live(world: World, host: ContainerHost, ends: "Iterable[asyncio.Task[Any]]") -> None:
    """Until somebody ends the world, or it has."""
    elements, page = len(world.ps()["elements"]), world.addresses["page"]
    print(f"{world.config.name} is up: {elements} elements; its live page is {page}", flush=True)
    following = _follow(world, host)
    lost = asyncio.create_task(world.wait())
    await asyncio.wait({lost, *ends}, return_when=asyncio.FIRST_COMPLETED)
    following.cancel()


def _follow(world: World, host: ContainerHost) -> "asyncio.Task[None]":
    kinds = {name: spec.kind for name, spec in world.config.elements.items()}
    kube_api = next((name for name, kind in kinds.items() if kind == "kube_api"), "kube-api")
    replicas = Replicas(host, world.call, POD_KIND, kube_api, world.members.pod_of)
    host.on_places()
    return asyncio.create_task(replicas.follow(DEPLOYMENT))


if __name__ == "__main__":
    sys.exit(main())
