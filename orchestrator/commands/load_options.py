"""The options of `journey load`."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.failure import usage

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
    typer.Option("--concurrency", "-c", min=1, help="Users at once (closed model); 16.", show_default=False),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        "-r",
        metavar="RATE",
        parser=_rate,
        help="Requests a second (open model), whatever becomes of those before them: 300, or 300/s.",
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
Http2 = Annotated[
    bool,
    typer.Option("--http2", help="Speak HTTP/2: requests are streams of few connections."),
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
