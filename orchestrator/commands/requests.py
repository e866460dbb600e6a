"""`journey trace` and `journey load`: one request told, and many counted."""

from typing import Annotated

import typer

from orchestrator.commands.failure import THRESHOLD
from orchestrator.commands.options import FileOption, From, Json, Url, a_world, checked_url, seconds
from orchestrator.commands.terminal import out, print_json, say

All = Annotated[bool, typer.Option("--all", help="Tell every record, fold nothing.")]
Concurrency = Annotated[int, typer.Option("--concurrency", "-c", min=1, help="Requests at the same time.")]
Duration = Annotated[str, typer.Option("--duration", "-d", help="How long, such as 10s or 1m30s.")]


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


def load(
    url: Url = None,
    concurrency: Concurrency = 16,
    duration: Duration = "10s",
    element: From = None,
    file: FileOption = None,
    as_json: Json = False,
) -> None:
    """Send requests in a closed loop: so many at once, each followed by the next; then show who served them.

    [bold]Examples[/bold]

      journey load
      journey load --concurrency 64 --duration 30s
      journey load --json | jq .per_pod

    Ends with 4 when not a single request was answered.
    """
    from orchestrator.commands.load_display import load_display, show_result, told

    url, duration_s = checked_url(url), seconds(duration)
    with a_world(file) as world, load_display(duration_s) as display:
        arguments = {"url": url, "element": element, "concurrency": concurrency, "duration_s": duration_s}
        for status in world.stream("load", **arguments):
            display.update(status)
    if as_json:
        print_json(status)
    else:
        show_result(out(), f"{told(status)}, {concurrency} at once for {status['elapsed_s']:.1f} s", status)
    if not status["requests"]:
        say("no request was answered")
        raise typer.Exit(THRESHOLD)
