"""`journey trace` and `journey load`: one request told, and many counted."""

from typing import Annotated, Any

import typer

from orchestrator.commands.failure import INVALID, THRESHOLD, usage
from orchestrator.commands.options import FileOption, From, Json, Url, a_world, checked_url, seconds
from orchestrator.commands.terminal import out, print_json, say

All = Annotated[bool, typer.Option("--all", help="Tell every record, fold nothing.")]
Concurrency = Annotated[
    int | None,
    typer.Option(
        "--concurrency", "-c", min=1, help="Requests at the same time (closed loop); 16.", show_default=False
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        "-r",
        min=0.001,
        help="Requests a second (open model), whatever becomes of those before them.",
        show_default=False,
    ),
]
Arrivals = Annotated[
    str | None,
    typer.Option(
        "--arrivals", help="How an open model's requests are spaced: poisson or uniform.", show_default=False
    ),
]
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
    concurrency: Concurrency = None,
    rate: Rate = None,
    arrivals: Arrivals = None,
    duration: Duration = "10s",
    element: From = None,
    file: FileOption = None,
    as_json: Json = False,
) -> None:
    """Send many requests, then show who served them and how long it took.

    With --concurrency in a closed loop: so many at once, each followed by the next. With --rate as an open model:
    requests come whatever happens to those before them, and latencies count from when they were due.

    [bold]Examples[/bold]

      journey load
      journey load --concurrency 64 --duration 30s
      journey load --rate 300 --arrivals uniform
      journey load --json | jq .per_pod

    Ends with 4 when not a single request was answered, with 5 when the generator could not keep up with the rate.
    """
    from orchestrator.commands.load_display import load_display, show_result, told
    from orchestrator.load.validity import doubts

    url, duration_s = checked_url(url), seconds(duration)
    verb, arguments, how = _shape(concurrency, rate, arrivals, duration_s)
    with a_world(file) as world, load_display(duration_s) as display:
        for status in world.stream(verb, url=url, element=element, **arguments):
            display.update(status)
    invalid = doubts(status)
    if as_json:
        print_json({**status, "invalid": invalid} if rate is not None else status)
    else:
        show_result(out(), f"{told(status)}, {how} for {status['elapsed_s']:.1f} s", status)
    if not status["requests"]:
        say("no request was answered")
        raise typer.Exit(THRESHOLD)
    if invalid:
        say(f"INVALID: {'; '.join(invalid)}")
        raise typer.Exit(INVALID)


def _shape(
    concurrency: int | None, rate: float | None, arrivals: str | None, duration_s: float
) -> tuple[str, dict[str, Any], str]:
    """The verb for a load, its arguments, and the load in words."""
    from actors.protocols.arrivals import PATTERNS, POISSON
    from orchestrator.config.errors import suggestion

    if rate is None:
        if arrivals is not None:
            usage("--arrivals says how requests of an open model are spaced; give it a --rate")
        many = 16 if concurrency is None else concurrency
        return "load", {"concurrency": many, "duration_s": duration_s}, f"{many} at once"
    if concurrency is not None:
        usage("--concurrency is a closed loop's and --rate an open model's: give one of them")
    pattern = arrivals or POISSON
    if pattern not in PATTERNS:
        usage(f"--arrivals cannot be {pattern!r}{suggestion(pattern, PATTERNS, otherwise='there are')}")
    stages = [{"duration_s": duration_s, "rate": rate}]
    return "load_open", {"stages": stages, "arrivals": pattern}, f"{rate:g}/s offered ({pattern})"
