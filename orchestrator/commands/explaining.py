"""`journey explain`: why something is as it is, in one sentence with the records behind it."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from orchestrator.commands.options import Json, the_world
from orchestrator.commands.terminal import pages, print_json

explain = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@explain.callback()
def _explain() -> None:
    """Say why something is as it is.

    [bold]Examples[/bold]

      journey explain request 1-67891233-abcdef012345678912345678
      journey explain request 67891233
      journey explain errors
      journey explain route 198.51.100.10 --at isp
    """


@explain.command()
def errors(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="So many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List the last requests that failed at the load balancer, each with its id and its cause, the newest first.

    [bold]Examples[/bold]

      journey explain errors
      journey explain errors --limit 100 --json | jq .[0].cause
    """
    found = the_world().request("errors", limit=limit)
    if as_json:
        print_json(found)
        return
    from rich.markup import escape
    from rich.table import Table

    if not found:
        print("no request has failed")
        return
    table = Table("id", "node", "status", "target", "cause", box=None, padding=(0, 2, 0, 0))
    for each in found:
        cause = each["cause"] or "the target's own answer"
        table.add_row(
            each["request_id"], each["node"], str(each["status"]), each.get("target", "-"), escape(cause)
        )
    pages().print(table)


@explain.command()
def request(
    identity: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Root of its X-Amzn-Trace-Id, its journey's id, or how one begins."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Why a request went to its target, or why it failed.

    Known are requests that were traced, and the last that failed at each node of a load balancer.

    [bold]Examples[/bold]

      journey explain request 1-67891233-abcdef012345678912345678
      journey explain request 67891233 --json | jq .cause
    """
    found = the_world().request("explain", request_id=identity)
    if as_json:
        print_json(found)
        return
    from rich.markup import escape

    console = pages()
    console.print(f"[bold]{escape(found['sentence'])}[/]")
    about = [found["request_id"], *([f"cause {found['cause']}"] if found["cause"] else [])]
    console.print(f"[dim]{escape('  '.join(about))}[/]")
    for record in found["records"]:
        console.print(f"  {record['element']}: {escape(record['told'])}")
    if found["failure"] is not None:
        from orchestrator.commands.inspect_blocks import blocks

        known = {key: value for key, value in found["failure"].items() if value}
        now = known.pop("targets_now", None)
        for block in blocks(known, console.width):
            console.print(block)
        if now:
            console.print("\n[bold]targets, as they were when it had failed[/]")
            for block in blocks(now, console.width):
                console.print(block)


@explain.command()
def route(
    destination: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where packets are to go.")],
    at: Annotated[str, typer.Option("--at", help="The router that is asked.")],
    as_json: Json = False,
) -> None:
    """Why a router sends packets to an address where it does: its table, and BGP's decision with the paths that lost.

    [bold]Examples[/bold]

      journey explain route 198.51.100.10 --at isp
      journey explain route 203.0.113.10 --at aws-edge --json | jq .bgp.decision.step
    """
    arguments = {"destination": destination}
    found = the_world().request("call", element=at, verb="explain_route", arguments=arguments)
    if as_json:
        print_json(found)
        return
    from rich.markup import escape

    console = pages()
    for line in route_told(at, found):
        console.print(escape(line))


def route_told(at: str, found: dict[str, Any]) -> Iterator[str]:
    """What a router's `explain_route` has found, in sentences."""
    taken = found["route"]
    if taken is None:
        yield f"{at} has no route to {found['destination']}."
    else:
        to = "a neighbour" if taken["next_hop"] == "direct" else taken["next_hop"]
        yield (
            f"{at} sends {found['destination']} to {to} by port {taken['port']}: {taken['matched']} is the "
            f"longest prefix that matches ({taken['origin']})."
        )
        for other in taken["alternatives"]:
            yield f"  not {other['matched']} to {other['next_hop']} by {other['port']}: {other['why']}"
    bgp = found["bgp"] or {"decision": None, "refused": [], "told": {}}
    decision = bgp["decision"]
    if decision is not None:
        path = f"AS path {decision['as_path']}" if decision["as_path"] else "its own"
        yield f"BGP: {decision['prefix']} by {decision['neighbour']}, {path}; decided by: {decision['step']}."
        for lost in decision["lost"]:
            yield f"  lost: by {lost['neighbour']}, AS path {lost['as_path'] or 'empty'}: {lost['why']}"
    for refused in bgp["refused"]:
        yield f"  not let in: by {refused['neighbour']}, AS path {refused['as_path']}: {refused['why']}"
    for neighbour, why in bgp["told"].items():
        yield f"  told to {neighbour}: {why if why == 'yes' else f'no, {why}'}"
