"""`journey explain`: why something is as it is, in one sentence with the records behind it."""

from typing import Annotated

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
