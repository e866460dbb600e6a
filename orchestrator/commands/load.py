"""`journey load`: many requests, counted; and from another terminal what changes them while they run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from orchestrator.commands.failure import INVALID, THRESHOLD, usage
from orchestrator.commands.options import FileOption, Json, Url, a_world, checked_url, seconds
from orchestrator.commands.terminal import out, print_json, say

if TYPE_CHECKING:
    from orchestrator.load.shapes import Begin, Change

RUN = "run"
"""The verb that needs not be said."""


class _Verbs(TyperGroup):
    """`journey load -c 64` and `journey load https://...` are loads; `pause` and its like are verbs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = [RUN, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return ("" if name == RUN else name), command, rest


load = typer.Typer(
    cls=_Verbs,
    help="Send many requests, then show who served them and how long it took.",
    rich_markup_mode="rich",
)

Concurrency = Annotated[
    int | None,
    typer.Option("--concurrency", "-c", min=1, help="Users at once (closed model); 16.", show_default=False),
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
Stages = Annotated[
    list[str] | None,
    typer.Option(
        "--stage",
        metavar="STAGE",
        help="Instead of both, one after the other: '50/s to 300/s for 10s', or '20 users for 1m'.",
        show_default=False,
    ),
]
TraceFile = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        help='Or a file of moments: a line has seconds, or {"t": 1.25, "path": "/", ...}.',
        show_default=False,
    ),
]
Requests = Annotated[
    list[str] | None,
    typer.Option(
        "--request",
        metavar="REQUEST",
        help="What is asked for; several by weight: '3x GET /', 'POST /orders -> 405'.",
        show_default=False,
    ),
]
Mix = Annotated[
    Path | None,
    typer.Option(
        "--mix",
        metavar="FILE",
        help="Requests in a YAML file: `requests: [{path: /, weight: 3}, ...]`.",
        show_default=False,
    ),
]
Keepalive = Annotated[
    str,
    typer.Option(
        metavar="SHARE", help="Requests on connections that are kept; each of the others opens its own."
    ),
]
Think = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="What a user waits between an answer and the next request.", show_default=False
    ),
]
Arrivals = Annotated[
    str | None,
    typer.Option(
        "--arrivals", help="How an open model's requests are spaced: poisson or uniform.", show_default=False
    ),
]
Clients = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="LAPTOP",
        help="A laptop that it comes from, several in even parts; all that there are.",
        show_default=False,
    ),
]
Duration = Annotated[
    str | None, typer.Option("--duration", "-d", help="How long, such as 1m30s; 10s.", show_default=False)
]

WarmUp = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Load before that, at the first level, which is not counted.", show_default=False
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Arrivals and mix are drawn from it; the laptop's dice.", show_default=False),
]


@load.command(RUN, hidden=True)
def run(
    url: Url = None,
    concurrency: Concurrency = None,
    rate: Rate = None,
    stage: Stages = None,
    trace: TraceFile = None,
    duration: Duration = None,
    request: Requests = None,
    mix: Mix = None,
    keepalive: Keepalive = "100%",
    think: Think = None,
    arrivals: Arrivals = None,
    warm_up: WarmUp = None,
    seed: Seed = None,
    clients: Clients = None,
    file: FileOption = None,
    as_json: Json = False,
) -> None:
    """Send many requests, then show who served them and how long it took.

    With --concurrency in a closed model: so many users, each asking again when it has been answered. With --rate as an
    open model: requests come whatever happens to those before them. Latencies count from when requests were due.

    [bold]Examples[/bold]

      journey load
      journey load --concurrency 64 --duration 30s
      journey load --rate 300 --arrivals uniform --keepalive 70%
      journey load --stage '50/s to 300/s for 10s' --stage '300/s for 1m'
      journey load --rate 100 --request '3x GET /' --request '1x POST / -> 405'
      journey load --trace arrivals.txt
      journey load --rate 600 --from laptop-1 --from laptop-2
      journey load --json | jq .per_pod

    And while it runs, from another terminal:

      journey load set 800/s       from now on at this rate; `set 20 users` in a closed model
      journey load pause           nothing is sent; its time goes on
      journey load resume
      journey load stop            what is under way is still waited for

    Ends with 4 when not a single request was answered, with 5 when the generator or the emulator could not keep up.
    """
    from orchestrator.commands.load_display import load_display, show_result, told
    from orchestrator.load.validity import doubts, late

    _check_verb(url)
    url = checked_url(url)
    options = _options(request, mix, keepalive, think, arrivals)
    if seed is not None:
        options["seed"] = seed
    if warm_up is not None:
        options["warm_up_s"] = seconds(warm_up)
    begin, duration_s, how = _begin(concurrency, rate, stage, trace, duration, options)
    with a_world(file) as world, load_display(duration_s) as display:
        for status in world.stream(begin.verb, url=url, clients=clients or [], **begin.arguments):
            display.update(status)
    invalid = [*doubts(status), *late(status.get("lag_ms", {}).get("elements", {}))]
    if as_json:
        print_json({**status, "invalid": invalid})
    else:
        show_result(out(), f"{told(status)}, {how} for {status['elapsed_s']:.1f} s", status)
    if invalid:
        say(f"INVALID: {'; '.join(invalid)}")
        raise typer.Exit(INVALID)
    if not status["requests"]:
        say("no request was answered")
        raise typer.Exit(THRESHOLD)


def _check_verb(url: str | None) -> None:
    """A misspelt verb is no name of a host."""
    from orchestrator.config.errors import nearest

    verbs = ("set", "pause", "resume", "stop")
    if url is not None and url.isalpha() and (meant := nearest(url, verbs)) is not None:
        usage(f"load has no verb {url!r}, did you mean {meant!r}? (write a host as https://{url}/)")


def _options(
    request: list[str] | None, mix: Path | None, keepalive: str, think: str | None, arrivals: str | None
) -> dict[str, Any]:
    """What of a load is not its level, where something is said about it."""
    from actors.protocols.arrivals import PATTERNS
    from actors.units import parse_share
    from orchestrator.config.errors import suggestion
    from orchestrator.load.words import BadWords, request_of, requests_in

    options: dict[str, Any] = {}
    if request and mix is not None:
        usage("--request says what is asked for and --mix too: give one of them")
    if mix is not None:
        options["requests"] = requests_in(mix)
    if request:
        try:
            options["requests"] = [request_of(each) for each in request]
        except BadWords as error:
            usage(f"--request {error}")
    try:
        if (share := parse_share(keepalive)) < 1:
            options["keepalive"] = share
    except ValueError as error:
        usage(f"--keepalive {error}")
    if think is not None:
        options["think_s"] = seconds(think)
    if arrivals is not None:
        if arrivals not in PATTERNS:
            usage(f"--arrivals cannot be {arrivals!r}{suggestion(arrivals, PATTERNS, otherwise='there are')}")
        options["arrivals"] = arrivals
    return options


def _begin(
    concurrency: int | None,
    rate: float | None,
    stage: list[str] | None,
    trace: Path | None,
    duration: str | None,
    options: dict[str, Any],
) -> tuple["Begin", float, str]:
    """How to begin the load, how long it lasts, and the load in words."""
    given = {"--concurrency": concurrency, "--rate": rate, "--stage": stage or None, "--trace": trace}
    said = [name for name, value in given.items() if value is not None]
    if said == ["--concurrency", "--rate"]:
        usage("--concurrency is a closed loop's and --rate an open model's: give one of them")
    if len(said) > 1:
        usage(f"{' and '.join(said)} say what the load is like: give one of them")
    if trace is not None:
        return _traced(trace, duration, options)
    from orchestrator.load.shapes import Staged, closed, open_at

    if stage:
        if duration is not None:
            usage("stages say themselves how long they last: --duration is not for them")
        shape = Staged(tuple(_stage(text) for text in stage), options)
        how = ", ".join(stage)
        many = {"users" in each for each in shape.stages}
        if len(many) > 1:
            usage("stages are all of rates (an open model) or all of users (a closed one)")
    elif rate is not None:
        shape, how = open_at(rate, seconds(duration or "10s"), **options), f"{rate:g}/s offered"
    else:
        users = 16 if concurrency is None else concurrency
        shape, how = closed(users, seconds(duration or "10s"), **options), f"{users} at once"
    is_closed = "users" in shape.stages[0]
    _check_executor(options, is_closed)
    if not is_closed:
        shape.options.setdefault("arrivals", "poisson")
        how += f" ({shape.options['arrivals']})"
    begin = shape.warmed_up().begin()
    assert begin is not None
    return begin._replace(verb="load"), shape.duration_s, how


def _check_executor(options: dict[str, Any], is_closed: bool) -> None:
    if is_closed and "arrivals" in options:
        usage("--arrivals says how requests of an open model are spaced; give it a --rate")
    if not is_closed and "think_s" in options:
        usage("--think is what a closed model's users do; give it a --concurrency")


def _stage(text: str) -> dict[str, float]:
    from orchestrator.load.words import BadWords, stage_of

    try:
        return stage_of(text)
    except BadWords as error:
        usage(f"--stage {error}")


def _traced(trace: Path, duration: str | None, options: dict[str, Any]) -> tuple["Begin", float, str]:
    from orchestrator.load.trace import BadTrace, read_trace

    if duration is not None or options.keys() & {"arrivals", "think_s", "warm_up_s"}:
        usage(
            "a trace says itself when requests are due: --duration, --arrivals, --think and --warm-up are not "
            "for it"
        )
    try:
        found = read_trace(trace)
    except BadTrace as error:
        usage(str(error))
    if found.which is not None and "requests" in options:
        usage(f"the lines of {trace} say themselves what they ask for: --request and --mix are not for it")
    begin = found.shape(options).begin()
    assert begin is not None
    return begin, found.shape(options).duration_s, f"{len(found.due_us):,} due by {trace}"


# ---- while it runs -------------------------------------------------------------------------------------------------


@load.command("set", context_settings={"ignore_unknown_options": True})
def set_(
    level: Annotated[list[str], typer.Argument(metavar="LEVEL", help="800/s, or 20 users.")],
    as_json: Json = False,
) -> None:
    """Have the load that runs go on at another rate (open model), or with so many users (closed), until its end.

    [bold]Examples[/bold]

      journey load set 800/s
      journey load set 20 users
    """
    from orchestrator.load.words import BadWords, level_of

    try:
        change = level_of(level)
    except BadWords as error:
        usage(str(error))
    _change(change, as_json)


@load.command()
def pause(as_json: Json = False) -> None:
    """Have the load that runs send nothing until it is resumed; its time goes on."""
    _do("pause", as_json)


@load.command()
def resume(as_json: Json = False) -> None:
    """Have the load that was paused go on."""
    _do("resume", as_json)


@load.command()
def stop(as_json: Json = False) -> None:
    """End the load that runs; what is under way is still waited for."""
    _do("stop", as_json)


def _do(do: str, as_json: bool) -> None:
    from orchestrator.load.shapes import Change

    _change(Change(do), as_json)


def _change(change: "Change", as_json: bool) -> None:
    from orchestrator.commands.options import the_load

    changed = the_load().request("load_change", **change._asdict())
    if as_json:
        print_json(changed)
        return
    print(changed["what"])
    if change.do == "pause":
        say("`journey load resume` has it go on")
