"""`journey shell`: this machine's programs on the emulated Internet, with the kernel's own TCP."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.failure import environment, usage
from orchestrator.commands.options import the_world
from orchestrator.commands.terminal import say


def shell(
    laptop: Annotated[str, typer.Argument(metavar="LAPTOP", help="The laptop that it is behind.")],
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="-- COMMAND", help="What to run; your shell if nothing is said.", show_default=False
        ),
    ] = None,
) -> None:
    """Run a shell, or a command, on the emulated Internet: a host of its own behind a laptop, without being root.

    Its only network is the emulated one, so curl, dig, ping, traceroute and mtr of this machine work there unmodified,
    and the kernel's own TCP talks to the world's. Names are asked of the home router; the world's CA is trusted.

    [bold]Examples[/bold]

      journey shell laptop
      journey shell laptop -- curl -i https://packet-journey.com/
      journey shell laptop -- traceroute packet-journey.com

    Ends as the command does; with 3 where the kernel does not allow it.
    """
    if sys.platform != "linux":
        environment(f"a shell needs Linux's network namespaces, and this is {sys.platform}")
    client = the_world()
    if client.directory is None:
        environment("a world in containers has no shell on this machine: use one that `journey up` starts")
    kinds = {element["name"]: element["kind"] for element in client.request("ps")["elements"]}
    if kinds.get(laptop) != "laptop":
        known = ", ".join(name for name, kind in kinds.items() if kind == "laptop") or "none"
        usage(f"{laptop!r} is no laptop of this world; there is {known}")
    from orchestrator.control.api import RequestFailed
    from orchestrator.shell.namespace import Forbidden
    from orchestrator.shell.session import run

    def door() -> Path:
        try:
            return Path(client.request("call", element=laptop, verb="open_shell", arguments={})["socket"])
        except RequestFailed as error:
            raise OSError(str(error)) from None

    words = command or [os.environ.get("SHELL", "/bin/sh")]
    if not command and sys.stdin.isatty():
        say(f"a shell behind {laptop}, on the emulated Internet; `exit` leaves it")
    try:
        code = run(words, door, client.directory, laptop)
    except Forbidden as error:
        environment(f"no shell here: {error}")
    except OSError as error:
        environment(f"no shell here: {laptop} cannot be joined: {error.strerror or error}")
    raise typer.Exit(code)
