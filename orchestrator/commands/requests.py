"""`journey trace`: one request, told."""

from typing import Annotated

import typer

from orchestrator.commands.failure import THRESHOLD
from orchestrator.commands.options import FileOption, From, Json, Url, a_world, checked_url
from orchestrator.commands.terminal import out, print_json

All = Annotated[bool, typer.Option("--all", help="Tell every record, fold nothing.")]


def trace(
    url: Url = None,
    element: From = None,
    file: FileOption = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Send one request and tell its journey, hop by hop, with every decision and the time it took.

    Uses the running world; starts one for this and stops it again if none is running.

    [bold]Examples[/bold]

      journey trace
      journey trace https://packet-journey.com/ --all
      journey trace --json | jq .hops

    Ends with 4 when there was no answer.
    """
    from orchestrator.journal.journey import Journey

    url = checked_url(url)
    with a_world(file) as world:
        journey = Journey.unpack(world.request("trace", url=url, element=element))
    if as_json:
        print_json(journey.as_json())
    else:
        from orchestrator.journal.story import tell_story

        tell_story(out(), journey, everything=everything)
    if journey.status is None:
        raise typer.Exit(THRESHOLD)
