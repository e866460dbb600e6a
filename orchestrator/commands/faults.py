"""`journey fault`: what goes wrong on purpose, while the world runs."""

from typing import Annotated, Any

import typer

from orchestrator.commands.options import Json, the_world
from orchestrator.commands.terminal import pages, print_json, say

Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="link/NAME, element/NAME, pod/NAME or zone/NAME.")
]
Words = Annotated[
    list[str],
    typer.Argument(
        metavar="KEY=VALUE...", help="delay=80ms jitter=20ms loss=1% bandwidth=2mbit cut crash for=30s"
    ),
]

fault = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@fault.callback()
def _fault() -> None:
    """Make links slow, lossy, narrow or dead, crash elements, lose a zone, and take it back.

    [bold]Examples[/bold]

      journey fault add link/fibre delay=80ms loss=1% for=30s
      journey fault add zone/eu-west-1a cut for=20s
      journey fault list
      journey fault clear
    """


@fault.command()
def add(target: Target, words: Words, as_json: Json = False) -> None:
    """Make something go wrong, for a time or until it is cleared.

    Of a link: delay, jitter, loss, bandwidth (each way; they add up) and cut, which nobody is told of. An element, a
    pod and a zone have them on all of their links to others; or they crash, and with for= stay down that long.

    [bold]Examples[/bold]

      journey fault add link/fibre delay=80ms jitter=20ms loss=1% for=30s
      journey fault add pod/nginx-0 loss=10%
      journey fault add element/alb-1a crash for=10s
      journey fault add zone/eu-west-1a cut
    """
    made = the_world().request("fault_add", target=target, words=words)
    if as_json:
        print_json(made)
        return
    print(_line(made))
    if made["links"] or made["down"]:
        say("to take it back:")
        say(f"  journey fault clear {made['id']}")


@fault.command("list")
def list_(as_json: Json = False) -> None:
    """Show what is wrong now.

    [bold]Examples[/bold]

      journey fault list
    """
    found = the_world().request("fault_list")
    if as_json:
        print_json(found)
        return
    if not found:
        print("nothing is wrong")
        return
    from rich.table import Table

    table = Table("id", "target", "what", "still", "links or elements", box=None, padding=(0, 2, 0, 0))
    for each in found:
        left = each["remaining_s"]
        still = "until cleared" if left is None else f"{left:.0f} s"
        table.add_row(
            each["id"], each["target"], each["what"], still, ", ".join(each["links"] or each["down"])
        )
    pages().print(table)


@fault.command()
def clear(
    which: Annotated[
        str | None, typer.Argument(metavar="[ID|TARGET]", help="All if not given.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """End a fault, those of a target, or all.

    [bold]Examples[/bold]

      journey fault clear
      journey fault clear fault-1
      journey fault clear link/fibre
    """
    ended = the_world().request("fault_clear", which=which)
    if as_json:
        print_json(ended)
        return
    for each in ended:
        print(f"{each['target']}: no {each['what']} any more")
    if not ended:
        print("nothing was wrong")


def _line(made: dict[str, Any]) -> str:
    left = made["remaining_s"]
    how_long = "" if left is None else f" for {left:g} s"
    on = f" (links {', '.join(made['links'])})" if made["links"] else ""
    return f"{made['target']}: {made['what']}{how_long}{on}"
