"""Where commands write: what was asked for to stdout, all else to stderr."""

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


THINGS_TO_TRY = (
    ("journey trace", "the same again: now the caches know the way"),
    ("journey load --concurrency 64", "many requests, and which pod served them"),
    ("journey capture -o all.pcapng", "every packet on every link, for Wireshark"),
)


def out() -> "Console":
    """For what the user asked for."""
    from rich.console import Console

    return Console(highlight=False)


def err() -> "Console":
    """For messages."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """One message to stderr, as it is."""
    print(message, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2), flush=True)


def tell_what_to_try() -> None:
    """On stderr, for it is no part of what was asked for."""
    console = err()
    console.print("\n[bold]Things to try[/], in another terminal")
    width = max(len(command) for command, _ in THINGS_TO_TRY)
    for command, what in THINGS_TO_TRY:
        console.print(f"  {command:<{width}}  [dim]{what}[/]")
