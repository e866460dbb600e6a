"""The options of `journey load`."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.failure import usage
from orchestrator.commands.options import optional

LEAST_RATE = 0.001


def _rate(text: str) -> float:
    """`300` or `300/s`, as stages have it."""
    try:
        rate = float(text.removesuffix("/s"))
    except ValueError:
        rate = 0.0
    if not LEAST_RATE <= rate < float("inf"):
        usage(f"--rate {text!r} is not a rate; write it like 300/s")
    return rate


Concurrency = Annotated[
    int | None,
    optional("--concurrency", "-c", min=1, help="Users at once (closed model); 16."),
]
Rate = Annotated[
    float | None,
    optional(
        "--rate",
        "-r",
        metavar="RATE",
        parser=_rate,
        help="Requests a second (open model), whatever becomes of those before them: 300, or 300/s.",
    ),
]
Stages = Annotated[
    list[str] | None,
    optional(
        "--stage",
        metavar="STAGE",
        help="Instead of both, one after the other: '50/s to 300/s for 10s', or '20 users for 1m'.",
    ),
]
TraceFile = Annotated[
    Path | None,
    optional(
        "--trace",
        metavar="FILE",
        help='Or a file of moments: a line has seconds, or {"t": 1.25, "path": "/", ...}.',
    ),
]
Requests = Annotated[
    list[str] | None,
    optional(
        "--request",
        metavar="REQUEST",
        help="What is asked for; several by weight: '3x GET /', 'POST /orders -> 405'.",
    ),
]
Mix = Annotated[
    Path | None,
    optional(
        "--mix", metavar="FILE", help="Requests in a YAML file: `requests: [{path: /, weight: 3}, ...]`."
    ),
]
Keepalive = Annotated[
    str,
    typer.Option(
        metavar="SHARE", help="Requests on connections that are kept; each of the others opens its own."
    ),
]
Http2 = Annotated[
    bool,
    typer.Option("--http2", help="Speak HTTP/2: requests are streams of few connections."),
]
Think = Annotated[
    str | None,
    optional(metavar="TIME", help="What a user waits between an answer and the next request."),
]
Arrivals = Annotated[
    str | None,
    optional("--arrivals", help="How an open model's requests are spaced: poisson or uniform."),
]
Clients = Annotated[
    list[str] | None,
    optional(
        "--from",
        metavar="LAPTOP",
        help="A laptop that it comes from, several in even parts; all that there are.",
    ),
]
Duration = Annotated[str | None, optional("--duration", "-d", help="How long, such as 1m30s; 10s.")]

WarmUp = Annotated[
    str | None,
    optional(metavar="TIME", help="Load before that, at the first level, which is not counted."),
]
Seed = Annotated[
    int | None,
    optional(min=0, help="Arrivals and mix are drawn from it; the laptop's dice."),
]
