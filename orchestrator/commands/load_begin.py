"""From the options of `journey load` to how the load begins."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.commands.failure import usage
from orchestrator.commands.options import seconds

if TYPE_CHECKING:
    from orchestrator.load.shapes import Begin


def options_of(
    request: list[str] | None,
    mix: Path | None,
    keepalive: str,
    think: str | None,
    arrivals: str | None,
    *,
    http2: bool,
    warm_up: str | None,
    seed: int | None,
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
    if http2:
        options["http"] = "2"
    if seed is not None:
        options["seed"] = seed
    if warm_up is not None:
        options["warm_up_s"] = seconds(warm_up)
    return options


def beginning(
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
