"""`journey load`: many requests, counted; and from another terminal what changes them while they run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from orchestrator.commands.failure import INVALID, THRESHOLD, usage
from orchestrator.commands.load_begin import beginning, options_of
from orchestrator.commands.load_options import (
    Arrivals,
    Clients,
    Concurrency,
    Duration,
    Http2,
    Keepalive,
    Mix,
    Rate,
    Requests,
    Seed,
    Stages,
    Think,
    TraceFile,
    WarmUp,
)
from orchestrator.commands.options import FileOption, Json, Url, a_world, checked_url
from orchestrator.commands.terminal import out, print_json, say

if TYPE_CHECKING:
    from orchestrator.load.shapes import Change

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
    http2: Http2 = False,
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
      journey load --rate 300/s --arrivals uniform --keepalive 70%
      journey load --stage '50/s to 300/s for 10s' --stage '300/s for 1m'
      journey load --rate 100 --request '3x GET /' --request '1x POST / -> 405'
      journey load --trace arrivals.txt
      journey load --rate 300 --http2
      journey load --rate 600 --from laptop-1 --from laptop-2
      journey load --json | jq .per_pod

    And while it runs, from another terminal:

      journey load set 800/s       from now on at this rate; `set 20 users` in a closed model
      journey load pause           nothing is sent; its time goes on
      journey load resume
      journey load stop            what is under way is still waited for

    Ends with 4 when not a single request was answered, with 5 when the generator or the emulator could not keep up.
    """
    from orchestrator.commands.load_display import load_display

    _check_verb(url)
    url = checked_url(url)
    options = options_of(request, mix, keepalive, think, arrivals, http2=http2, warm_up=warm_up, seed=seed)
    begin, duration_s, how = beginning(concurrency, rate, stage, trace, duration, options)
    with a_world(file) as world, load_display(duration_s) as display:
        for status in world.stream(begin.verb, url=url, clients=clients or [], **begin.arguments):
            display.update(status)
    _tell(status, how, as_json)


def _tell(status: dict[str, Any], how: str, as_json: bool) -> None:
    """What came of it, and whether that can be believed."""
    from orchestrator.commands.load_display import show_result, told
    from orchestrator.load.validity import doubts, late

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
