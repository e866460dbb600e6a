"""`journey up`, `down` and `ps`: a world's life."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.commands.failure import environment, usage
from orchestrator.commands.listing import show_elements
from orchestrator.commands.options import (
    Dns,
    File,
    Http,
    Json,
    Metrics,
    Page,
    Proxy,
    read_config,
    running_world,
)
from orchestrator.commands.terminal import out, print_json, say

if TYPE_CHECKING:
    from orchestrator.control.api import Client

DOWN_S = 15.0

Detach = Annotated[bool, typer.Option("--detach", help="Leave the world running in the background.")]
Tour = Annotated[
    bool,
    typer.Option(
        "--tour",
        help="Show what it can do: the first journey, then ten seconds of load. Without a terminal, end then.",
    ),
]
ReadyFd = Annotated[int | None, typer.Option("--ready-fd", hidden=True)]


def up(
    file: File = None,
    detach: Detach = False,
    tour: Tour = False,
    metrics: Metrics = None,
    dns: Dns = None,
    page: Page = None,
    http: Http = None,
    proxy: Proxy = None,
    ready_fd: ReadyFd = None,
) -> None:
    """Start a world, tell its first journey, and keep it until Ctrl-C or `journey down`.

    [bold]Examples[/bold]

      journey up
      journey up --detach
      journey up configs/journey.yaml --tour

    Ends with 4 when the first journey of a --detach or --tour was not answered with a 2xx status.
    """
    if (client := running_world()) is not None:
        environment(f"a world is running already, {where_of(client)}")
    places = {"metrics": metrics, "dns": dns, "http": http, "proxy": proxy, "page": page}
    if detach:
        from orchestrator.commands.detached import start_detached

        # which reads the file itself: the command should not be twice as slow for it
        code = start_detached(file, places)
    else:
        code = _in_foreground(file, tour, ready_fd, places)
    if code:
        raise typer.Exit(code)


def _in_foreground(file: Path | None, tour: bool, ready_fd: int | None, places: dict[str, str | None]) -> int:
    """The fork server loads its code while this process reads the world's file and loads its own."""
    from orchestrator.directory import new_directory
    from orchestrator.hosts.local import LocalHost

    host = None
    try:
        host = LocalHost(new_directory())
        host.launch()
        config = read_config(file)
        from orchestrator.commands.foreground import Foreground
    except BaseException:
        if host is not None:
            host.abandon()
        raise
    return Foreground(config, host, tour=tour, ready_fd=ready_fd, places=places).run()


def down() -> None:
    """Stop the running world. Does nothing when none is running.

    [bold]Examples[/bold]

      journey down
    """
    client = running_world()
    if client is None:
        say("no world is running")
        return
    if client.directory is None:
        usage("a world in containers is stopped with `docker compose down`")
    told = client.request("down")
    deadline = time.monotonic() + DOWN_S
    while Path(told["directory"]).exists() or _runs(told["pid"]):
        if time.monotonic() > deadline:
            environment(f"the world in {told['directory']} does not end; its process is {told['pid']}")
        time.sleep(0.02)
    say("the world is down")


def where_of(client: "Client") -> str:
    """Where the world is, and how it is stopped."""
    if client.directory is None:
        return "in containers; `docker compose down` stops it"
    return f"in {client.directory}; `journey down` stops it"


def _runs(pid: int) -> bool:
    """Whether the process still does anything; one that has ended but was not waited for by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()


def ps(as_json: Json = False) -> None:
    """List the elements of the running world, and the addresses that it listens on.

    [bold]Examples[/bold]

      journey ps
      journey ps --json | jq '.elements[] | select(.restarts > 0)'
    """
    client = running_world()
    listed: dict[str, Any] = (
        client.request("ps") if client else {"elements": [], "addresses": {}, "directory": None}
    )
    if client is not None and client.directory is None and "proxy" in listed["addresses"]:
        from orchestrator.compose.client import ca_of

        listed["ca"] = str(ca_of(client))  # the run directory is not on this machine
    if as_json:
        print_json(listed)
    elif client is None:
        say("no world is running; `journey up --detach` starts one")
    else:
        show_elements(out(), listed)
