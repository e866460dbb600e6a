"""Options that several verbs share, and how a verb comes by its world."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from typer.models import OptionInfo

from orchestrator.commands.failure import environment, usage
from orchestrator.commands.terminal import say

if TYPE_CHECKING:
    from orchestrator.config import World
    from orchestrator.control.api import Client
    from orchestrator.kubernetes.cluster import Cluster

WORLD = "JOURNEY_WORLD"
"""Says that the world is elsewhere: `compose`."""


def optional(*names: str, help: str, **how: Any) -> OptionInfo:
    """An option that need not be given; its help says what holds then."""
    info: OptionInfo = typer.Option(*names, help=help, show_default=False, **how)
    return info


File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]", help="World file; the default world if none is given.", show_default=False
    ),
]
FileOption = Annotated[
    Path | None,
    optional("--file", metavar="FILE", help="World file, when a world has to be started for this."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
From = Annotated[
    str | None,
    optional("--from", metavar="ELEMENT", help="The laptop that asks; the world's first."),
]
At = Annotated[
    str | None,
    optional(
        "--at",
        "--from",
        metavar="ELEMENT",
        help="The element that asks, as `journey ps` lists it; the world's first laptop.",
    ),
]
Url = Annotated[
    str | None,
    typer.Argument(
        metavar="[URL]", help="What to ask for; the world's own URL if none is given.", show_default=False
    ),
]


def _place(param: typer.CallbackParam, text: str | None) -> str | None:
    if text not in (None, "off") and not re.fullmatch(r"\S+:\d{1,5}", text):
        raise typer.BadParameter(f"{text!r} is not HOST:PORT or off", param_hint=f"--{param.name}")
    return text


def _door(name: str, what: str, port: int) -> OptionInfo:
    """Where the world serves programs of this machine."""
    told = f"{what}; `off` for nowhere. [127.0.0.1:{port}, or the next port that is free]"
    info: OptionInfo = typer.Option(
        f"--{name}", metavar="HOST:PORT", envvar=f"JOURNEY_{name.upper()}", callback=_place, help=told
    )
    return info


Metrics = Annotated[str | None, _door("metrics", "Where Prometheus may come while processes run", 9464)]
Dns = Annotated[
    str | None,
    _door("dns", "Where dig may ask the resolver, and other DNS servers at the ports after it", 5300),
]
Page = Annotated[str | None, _door("page", "Where the live page is", 7463)]
Http = Annotated[str | None, _door("http", "Where curl and browsers may ask as the laptop", 8080)]
Proxy = Annotated[
    str | None, _door("proxy", "Where SOCKS5 and HTTP proxy clients get the laptop's Internet", 1080)
]


class Session(Protocol):
    """A world to ask: a running one, or one of the command's own."""

    def request(self, verb: str, /, **arguments: Any) -> Any: ...

    def stream(self, verb: str, /, **arguments: Any) -> Iterator[Any]: ...


def read_config(file: Path | None) -> "World":
    """The world file, or the default world. Raises `ConfigErrors`."""
    from orchestrator.config import default_world, load_world

    return load_world(file or default_world())


def running_world() -> "Client | None":
    """The world that runs on this machine, if one does; the one in containers after `--world compose`."""
    if (where := os.environ.get(WORLD)) is not None:
        from orchestrator.compose.client import find

        return find(where)
    from orchestrator.control.api import Client
    from orchestrator.directory import home

    return Client.find(home())


def the_world() -> "Client":
    """The running world; verbs that change something, or leave something behind, make no sense in one of their own."""
    client = running_world()
    if client is None:
        environment("no world is running; `journey up --detach` starts one")
    return client


def the_load() -> "Client":
    """Whose load is to be changed: of the running world, or of a command that has a world of its own."""
    running = running_world()
    own = None
    if WORLD not in os.environ:
        from orchestrator.control.api import LOAD_SOCKET, Client
        from orchestrator.directory import home

        own = Client.find(home(), LOAD_SOCKET)
    clients = [client for client in (running, own) if client is not None and client.request("loads")]
    if not clients:
        environment("no load is running; `journey load` starts one")
    return clients[0]


def the_cluster() -> "Cluster":
    """The cluster of the running world."""
    client = the_world()
    from orchestrator.kubernetes.cluster import Cluster, NoCluster

    try:
        return Cluster(client)
    except NoCluster as error:
        environment(str(error))


@contextmanager
def a_world(file: Path | None) -> Iterator[Session]:
    """The running world; else, or when a file is given, one that is started now and stopped afterwards."""
    client = running_world() if file is None else None
    if client is not None:
        yield client
        return
    config = read_config(file)
    from orchestrator.control.own_world import OwnWorld

    say(f"no world is running: starting {config.name} ({len(config.elements)} elements) for this command")
    with OwnWorld(config) as world:
        yield world


def checked_url(url: str | None) -> str | None:
    """The URL, with https:// where no scheme is given."""
    from urllib.parse import urlsplit

    if url is None:
        return None
    whole = url if "://" in url else f"https://{url}"
    try:
        parts = urlsplit(whole)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        usage(f"{url!r} is not a URL such as https://packet-journey.com/")
    return whole


def seconds(text: str) -> float:
    """A duration as people write it: `10s`, `1m30s`, `500ms`."""
    from actors.units import SECOND, parse_duration

    try:
        duration_s = parse_duration(text) / SECOND
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if duration_s <= 0:
        raise typer.BadParameter("must be longer than nothing")
    return duration_s
