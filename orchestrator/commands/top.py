"""`journey top`."""

from typing import Annotated

import typer

from orchestrator.commands.failure import environment
from orchestrator.commands.options import From, Json, seconds, the_world
from orchestrator.commands.terminal import out, print_json

Once = Annotated[bool, typer.Option("--once", help="Print what there is now, and end.")]
Every = Annotated[
    str, typer.Option("--interval", metavar="DURATION", help="How often to look; 200ms at least.")
]
SHORTEST_S = 0.2
MISSING = (
    "the screen of `journey top` is drawn by textual, which is not installed: pip install 'packet-journey[top]'\n"
    "(`journey top --once` prints the same without it)"
)


def top(element: From = None, interval: Every = "1s", once: Once = False, as_json: Json = False) -> None:
    """Watch the running world: hops with mtr's columns, targets, the load, events; keys to meddle with it.

    One echo for each hop in an interval, and one request in five: the world hardly notices. Keys: s starts and stops a
    load, + and - change its rate, c cuts the link to the chosen hop, w makes it slow, x ends all faults, a changes the
    algorithm, p holds the picture, ? helps, q quits.

    [bold]Examples[/bold]

      journey top
      journey top --once
      journey top --once --json | jq .targets

    Needs the extra `top` (textual), but for --once.
    """
    from orchestrator.commands.failure import usage
    from orchestrator.top.watch import Watch

    every_s = seconds(interval)
    if every_s < SHORTEST_S:
        usage(f"--interval cannot be {interval}: {SHORTEST_S * 1000:g}ms at least")
    if not (once or as_json):
        try:
            import textual  # noqa: F401
        except ImportError:
            environment(MISSING)
    client = the_world()
    watch = Watch(client, element)
    if once or as_json:
        from orchestrator.top.plain import as_plain, print_once

        watch.tick()
        if as_json:
            print_json(as_plain(watch))
        else:
            print_once(out(), watch)
        return
    from orchestrator.top.screen import TopApp

    TopApp(client, watch, every_s).run()
