"""`journey open`: the live page of the running world, in the user's browser."""

import re
from typing import Annotated

import typer

from orchestrator.commands.failure import environment, usage
from orchestrator.commands.options import the_world
from orchestrator.commands.terminal import say

JOURNEY = re.compile(r"[0-9a-f]{32}")


def open_(
    journey: Annotated[
        str | None,
        typer.Argument(metavar="[JOURNEY]", help="A request to follow there, by its id.", show_default=False),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Or only print where it is.")
    ] = True,
) -> None:
    """Open the live page of the running world, and print where it is.

    [bold]Examples[/bold]

      journey open
      journey open --no-browser
      journey open bb71faf79925ec72f4fc742df80f4b49
    """
    if journey is not None and not JOURNEY.fullmatch(journey):
        usage(f"{journey!r} is not a journey's id, which is 32 hexadecimal digits; `journey trace` prints it")
    page = the_world().request("ps")["addresses"].get("page")
    if page is None:
        environment("this world has no live page: it was started with --page off, or by another command")
    where = f"{page}#journey={journey}" if journey else page
    print(where)
    if not browser:
        return
    import webbrowser

    if not webbrowser.open(where):
        say("no browser was found here; open that address in one")
