"""`journey fault`: what goes wrong on purpose, while the world runs."""

from typing import Annotated, Any

import typer

from orchestrator.commands.options import Json, the_world
from orchestrator.commands.terminal import pages, print_json, say
from orchestrator.journal.wording import milliseconds

Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="link/NAME, element/NAME, pod/NAME or zone/NAME.")
]
KEYS = "delay=80ms jitter=10ms distribution=normal loss=1% rate=10mbit reorder=5% duplicate=1% corrupt=1% cut down"
Words = Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help=f"{KEYS} crash for=30s")]
Changes = Annotated[
    list[str], typer.Argument(metavar="KEY=VALUE...", help=f"{KEYS} for=30s; KEY=off ends it")
]
For = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[for=TIME]", help="How long; until it is cleared if not given.", show_default=False
    ),
]
Side = Annotated[
    str, typer.Argument(metavar="SIDE", help="An element, pod/NAME, zone/NAME, or several: A,B.")
]
Which = Annotated[str, typer.Argument(metavar="ID|TARGET", help="As `journey fault list` shows them.")]

fault = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@fault.callback()
def _fault() -> None:
    """Make links slow, lossy, narrow or dead, crash elements, part them, lose a zone, and take it back.

    [bold]Examples[/bold]

      journey fault add link:isp-transit-1 delay=80ms jitter=10ms loss=1% rate=10mbit for=30s
      journey fault set fault-1 loss=2%
      journey fault cut isp-transit-1
      journey fault partition alb-1a node-2 for=20s
      journey fault list
      journey fault clear
    """


@fault.command()
def add(target: Target, words: Words, as_json: Json = False) -> None:
    """Make something go wrong, for a time or until it is cleared.

    Of a link, each way: delay, jitter (and its distribution: uniform, normal, pareto, paretonormal), loss, rate,
    reorder, duplicate and corrupt, which add up; cut, which nobody is told of; or down: both ends lose the carrier. An
    element, a pod and a zone have them on all of their links to others; or they crash, and with for= stay down so long.

    [bold]Examples[/bold]

      journey fault add link/fibre delay=80ms jitter=20ms distribution=pareto loss=1% for=30s
      journey fault add pod/nginx-0 loss=10%
      journey fault add element/alb-1a crash for=10s
      journey fault add zone/eu-west-1a cut
    """
    _made(the_world().request("fault_add", target=target, words=words), as_json)


@fault.command()
def cut(target: Target, words: For = None, as_json: Json = False) -> None:
    """Have a link carry nothing, and tell nobody: its carrier stays. A name alone is a link's.

    [bold]Examples[/bold]

      journey fault cut isp-transit-1
      journey fault cut zone/eu-west-1a for=20s
    """
    _switch(target, "cut", "link", words, as_json)


@fault.command()
def down(target: Target, words: For = None, as_json: Json = False) -> None:
    """Pull a link's cable: both ends see at once that it has no carrier. A name alone is a link's.

    [bold]Examples[/bold]

      journey fault down isp-transit-1 for=10s
      journey fault down wifi
    """
    _switch(target, "down", "link", words, as_json)


@fault.command()
def crash(target: Target, words: For = None, as_json: Json = False) -> None:
    """End an element's process as kill -9 does. It is started again at once, or with for= after that time.

    A name alone is an element's.

    [bold]Examples[/bold]

      journey fault crash isp for=5s
      journey fault crash pod/nginx-0
    """
    _switch(target, "crash", "element", words, as_json)


@fault.command()
def partition(one: Side, other: Side, words: For = None, as_json: Json = False) -> None:
    """Have nothing pass between two sides; each still reaches all others.

    Links from one side to the other are cut, and a neighbour of both (the VPC between two zones) passes nothing on.

    [bold]Examples[/bold]

      journey fault partition isp transit-1,transit-2 for=10s
      journey fault partition zone/eu-west-1a zone/eu-west-1b
    """
    _made(the_world().request("fault_partition", one=one, other=other, words=words or []), as_json)


@fault.command("set")
def set_(which: Which, words: Changes, as_json: Json = False) -> None:
    """Change some of a fault, and leave the rest of it as it is.

    [bold]Examples[/bold]

      journey fault set fault-1 loss=2%
      journey fault set link/fibre jitter=off for=1m
    """
    made = the_world().request("fault_set", which=which, words=words)
    if as_json:
        print_json(made)
    else:
        print(f"{made['id']}: {_line(made)}")


@fault.command("list")
def list_(as_json: Json = False) -> None:
    """Show what is wrong now, and how long BGP took to find other ways.

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

    titles = ("id", "target", "what", "still", "BGP converged", "links or elements")
    table = Table(*titles, box=None, padding=(0, 2, 0, 0))
    for each in found:
        left, took_s = each["remaining_s"], each["converged_s"]
        still = "until cleared" if left is None else f"{left:.0f} s"
        converged = "-" if took_s is None else f"after {milliseconds(took_s * 1000)}"
        where = ", ".join(each["links"] or each["down"])
        table.add_row(each["id"], each["target"], each["what"], still, converged, where)
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
        took_s = each["converged_s"]
        converged = "" if took_s is None else f"; BGP had converged after {milliseconds(took_s * 1000)}"
        print(f"{each['id']} is over: {each['target']}: {each['what']}{converged}")
    if not ended:
        print("nothing was wrong")


def _switch(target: str, switch: str, default: str, words: list[str] | None, as_json: bool) -> None:
    said = [switch, *(words or [])]
    _made(the_world().request("fault_add", target=target, words=said, default=default), as_json)


def _made(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    print(_line(made))
    if made["links"] or made["down"]:
        say("to take it back:")
        say(f"  journey fault clear {made['id']}")


def _line(made: dict[str, Any]) -> str:
    left = made["remaining_s"]
    how_long = "" if left is None else f" for {left:g} s"
    on = f" (links {', '.join(made['links'])})" if made["links"] else ""
    return f"{made['target']}: {made['what']}{how_long}{on}"
