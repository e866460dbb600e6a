"""Where commands write: what was asked for to stdout, all else to stderr."""

import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from rich.console import Console

UNLIMITED = 1000
"""Columns of a page that is read by a program, or later."""

THINGS_TO_TRY = (
    ("journey trace", "the same again: now the caches know the way"),
    ("journey load --concurrency 64", "many requests, and which pod served them"),
    ("journey capture -o all.pcapng", "every packet on every link, for Wireshark"),
)


def out() -> "Console":
    """For what the user asked for."""
    from rich.console import Console

    return Console(highlight=False, emoji=False)


def pages() -> "Console":
    """For pages of tables: as wide as they are where no terminal sets a limit."""
    from rich.console import Console

    free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, emoji=False, width=UNLIMITED if free else None)


def err() -> "Console":
    """For messages."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False)


def say(message: str) -> None:
    """One message to stderr, as it is."""
    print(message, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2), flush=True)


def tell_what_to_try(listed: dict[str, Any]) -> None:
    """What a world with these elements and addresses lends itself to; on stderr, as it was not asked for."""
    console = err()
    if (page := listed["addresses"].get("page")) is not None:
        console.print(f"\n[bold]The live page[/]  {page}  [dim]`journey open` opens it[/]")
    console.print("\n[bold]Things to try[/], in another terminal")
    things = [
        *THINGS_TO_TRY,
        *_as_a_client(listed),
        *_by_dig(listed["addresses"], listed.get("url")),
        *_on_a_cluster(listed["elements"]),
    ]
    width = max(len(command) for command, _ in things)
    for command, what in things:
        console.print(f"  {command:<{width}}  [dim]{what}[/]")
    if "proxy" in listed["addresses"]:
        from orchestrator.commands.listing import proxy_command

        console.print(
            "\n[bold]Your own TLS, as far as the load balancer[/]; a browser may take this proxy too"
        )
        console.print(f"  {proxy_command(listed)}", soft_wrap=True, markup=False)


def _as_a_client(listed: dict[str, Any]) -> Iterator[tuple[str, str]]:
    laptops = [each["name"] for each in listed["elements"] if each["kind"] == "laptop"]
    laptop, several = next(iter(laptops), None), len(laptops) > 1
    if "ingress" in listed["addresses"]:
        whose = laptop if several else "the laptop"
        yield f"curl -i http://{listed['addresses']['ingress']}/", f"your own request, by {whose}"
    if laptop is not None and sys.platform == "linux":
        yield f"journey shell {laptop}", "a shell whose only network is the emulated one"


def _by_dig(addresses: dict[str, str], url: str | None) -> Iterator[tuple[str, str]]:
    if "dns" in addresses and url is not None:
        name = urlsplit(url).hostname
        host, _, port = addresses["dns"].rpartition(":")
        yield f"dig @{host.strip('[]')} -p {port} {name}", "the real dig; `journey dig` asks from any element"


def _on_a_cluster(elements: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    kinds = {element["kind"] for element in elements}
    if "kube_api" in kinds:
        yield "journey kubectl get pods -o wide", "the real kubectl, on this world's cluster"
    if any(element["kind"] == "nginx_pod" and element["name"].startswith("nginx-") for element in elements):
        yield "journey scale nginx 10", "more pods: processes, addresses, targets"
    node = next((element["name"] for element in elements if element["kind"] == "eks_node"), None)
    if node is not None:
        yield f"journey inspect {node}", "its addresses, pods, rules and routes"
        if "kube_api" in kinds:
            yield f"journey drain {node}", "its pods move; uncordon takes it back"
