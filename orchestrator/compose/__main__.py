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
from pathlib import Path

from actors.links.curve import ELEMENTS, ORCHESTRATOR, Keys, load_keys, make_pair
from orchestrator.compose.early import Threshold
from orchestrator.compose.replicas import Replicas
from orchestrator.config import default_world, load_world
from orchestrator.control.api import ApiServer, Client, Remote
from orchestrator.control.service import Service
from orchestrator.hosts.containers import ContainerHost
from orchestrator.world import World

CONTROL_PORT, API_PORT, METRICS_PORT = 7463, 7464, 9464
DOORS = {"address": "0.0.0.0", "ports": {"kube_api": 6443, "aws_api": 4566}}
START_S = 240.0
"""Some thirty containers on a small machine start one Python each."""
DEPLOYMENT, POD_KIND = "nginx", "nginx_pod"


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
    elements = Client(Remote("127.0.0.1", API_PORT, _token())).request("ps")["elements"]
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
    host = ContainerHost(
        _clean_directory(), f"tcp://0.0.0.0:{CONTROL_PORT}", make_keys(), start_s=START_S, doors=DOORS
    )
    world = World(load_world(file), host)
    service, threshold = Service(world), Threshold(world)
    server = ApiServer(
        Remote("0.0.0.0", API_PORT, _token()),
        threshold.answers(service.answers),
        threshold.streams(service.streams),
    )
    await server.start()
    await world.export(f"0.0.0.0:{METRICS_PORT}")
    world.addresses["metrics"] = f"http://127.0.0.1:{METRICS_PORT}/metrics"  # as the engine publishes it
    starting = asyncio.create_task(world.start())
    ends = [asyncio.create_task(stopped.wait()), asyncio.create_task(service.down.wait())]
    await asyncio.wait({starting, *ends}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not any(end.done() for end in ends):
            starting.result()
            threshold.open = True
            print(f"{world.config.name} is up: {len(world.ps()['elements'])} elements", flush=True)
            following = _follow(world, host)
            lost = asyncio.create_task(world.wait())
            await asyncio.wait({lost, *ends}, return_when=asyncio.FIRST_COMPLETED)
            following.cancel()
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await server.close()
        await world.stop()
    return 0 if any(end.done() for end in ends) else 3


def _follow(world: World, host: ContainerHost) -> "asyncio.Task[None]":
    kinds = {name: spec.kind for name, spec in world.config.elements.items()}
    kube_api = next((name for name, kind in kinds.items() if kind == "kube_api"), "kube-api")
    replicas = Replicas(host, world.call, POD_KIND, kube_api, world.pod_of)
    host.on_places()
    return asyncio.create_task(replicas.follow(DEPLOYMENT))


if __name__ == "__main__":
    sys.exit(main())
