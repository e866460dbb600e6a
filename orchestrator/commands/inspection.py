"""`journey inspect`: what an element knows, as a page."""

from typing import Annotated

import typer

from orchestrator.commands.options import FileOption, Json, a_world
from orchestrator.commands.terminal import pages, print_json

Name = Annotated[str, typer.Argument(metavar="ELEMENT", help="Its name, as `journey ps` lists it.")]


def inspect(element: Name, file: FileOption = None, as_json: Json = False) -> None:
    """Show the state of an element: a node's interfaces and rules, a load balancer's targets, a router's NAT, ...

    [bold]Examples[/bold]

      journey inspect node-1
      journey inspect alb-1a
      journey inspect alb-1a --json | jq .state.target_groups
    """
    with a_world(file) as world:
        found = world.request("inspect", element=element)
    if as_json:
        print_json(found)
    else:
        from orchestrator.commands.inspect_pages import show

        show(pages(), found)
