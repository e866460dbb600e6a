"""`journey set` and `journey get`: policies and misbehaviour, while the world runs."""

from typing import Annotated, Any

import typer

from orchestrator.commands.options import Json, the_world
from orchestrator.commands.terminal import pages, print_json, say

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[TARGET] KEY=VALUE...", help="pod/nginx-0 latency=200ms, or alb.algorithm=round_robin."
    ),
]
Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="pod/NAME, deployment/NAME, alb, alb[NAME] or tg/NAME.")
]


def set_(words: Words, as_json: Json = False) -> None:
    """Change a policy, or have a pod misbehave, while the world runs; says how to take it back.

    A pod: latency, service_time, errors, error_status, stall, close, reset, refuse, readiness, health_check, path;
    `off` ends each. pod/nginx-0 is the first pod of deployment nginx. A load balancer or target group: any attribute by
    AWS's name, or algorithm, deregistration_delay, slow_start, stickiness, idle_timeout, ... for short.

    [bold]Examples[/bold]

      journey set pod/nginx-0 latency=200ms errors=20%
      journey set pod/nginx-0 latency=off errors=off
      journey set alb.algorithm=round_robin
      journey set alb.deregistration_delay.timeout_seconds=30
      journey set deployment/nginx replicas=6
    """
    changes = the_world().request("set", words=words)
    if as_json:
        print_json(changes)
        return
    for change in changes:
        print(f"{change['target']}: {change['key']} is {change['after']}, was {change['before']}")
    if not changes:
        print("nothing has changed: all of it was set already")
    else:
        say("to take it back:")
        for change in changes:
            say(f"  journey set {change['undo']}")


def get(target: Target, as_json: Json = False) -> None:
    """Show what is set on a pod, a deployment, a load balancer or a target group.

    [bold]Examples[/bold]

      journey get pod/nginx-0
      journey get alb
      journey get alb --json | jq .resources[0].settings
    """
    found = the_world().request("get", target=target)
    if as_json:
        print_json(found)
        return
    console = pages()
    for number, each in enumerate(found.get("resources", [found])):
        if number:
            console.print()
        rest = {key: value for key, value in each.items() if key not in ("target", "settings", "name")}
        about = "  ".join(f"{key} {value}" for key, value in rest.items())
        console.print(f"[bold]{each['target']}[/]  [dim]{about}[/]".replace("alb[", r"alb\["))
        console.print(_table(each["settings"]))


def _table(settings: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for key, value in settings.items():
        table.add_row(f"  {key}", value if value else "[dim]-[/]", style="dim" if value == "off" else "")
    return table
