"""`journey`: the command line. Verbs live in `orchestrator/commands/`; how they fail is decided here."""

import io
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from orchestrator.commands import (
    aws,
    capture,
    checks,
    cluster,
    comparing,
    digging,
    explaining,
    faults,
    inspection,
    load,
    measure,
    nodes,
    opening,
    options,
    probing,
    requests,
    runs,
    scenarios,
    settings,
    shell,
    top,
)
from orchestrator.commands import (
    world as worlds,
)
from orchestrator.commands.failure import INTERRUPTED, explain
from orchestrator.commands.kubectl import Untouched, kubectl
from orchestrator.commands.terminal import say


class Verbs(TyperGroup):
    """The group of all verbs: turns whatever ends one into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if hasattr(error, "exit_code"):
                raise  # a usage error, which typer shows
            message, code = explain(error)
            say(message)
            raise typer.Exit(code) from None


app = typer.Typer(
    cls=Verbs,
    name="journey",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"packet-journey {version('packet-journey')}")
        raise typer.Exit


@app.callback()
def journey(
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text; so does NO_COLOR=1.")] = False,
    world: Annotated[
        str | None,
        typer.Option(
            "--world",
            metavar="WHERE",
            help="`compose`: ask the world that `docker compose up` has started; so does JOURNEY_WORLD=compose.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Executes the whole journey of a web request, from a laptop to an nginx pod on EKS.

    [bold]Start here[/bold]

      journey up              a world, and its first journey told hop by hop
      journey trace           one more request; starts a world for it if none is running
      journey load -c 64      many requests, and which pod served them
    """
    if no_color:
        os.environ["NO_COLOR"] = "1"
    if world is not None:
        os.environ[options.WORLD] = world


for verb in (
    worlds.up,
    worlds.down,
    worlds.ps,
    requests.trace,
    probing.ping,
    probing.traceroute,
    digging.dig,
    shell.shell,
    inspection.inspect,
    top.top,
    settings.get,
    cluster.scale,
    nodes.drain,
    nodes.cordon,
    nodes.uncordon,
    capture.capture,
    scenarios.run,
    comparing.compare,
    runs.report,
    measure.simulate,
    measure.bench,
    checks.validate,
    checks.schema,
    checks.doctor,
):
    app.command()(verb)
app.command("set")(settings.set_)
app.command("open")(opening.open_)
app.add_typer(cluster.rollout, name="rollout")
app.add_typer(load.load, name="load")
app.add_typer(faults.fault, name="fault")
app.add_typer(explaining.explain, name="explain")
app.add_typer(runs.runs, name="runs")
app.command(cls=Untouched, add_help_option=False, options_metavar="ANYTHING...")(kubectl)
app.command(cls=Untouched, add_help_option=False, options_metavar="ANYTHING...")(aws.aws)


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # bars and arrows on a terminal that knows only ASCII
    app()


if __name__ == "__main__":
    main()
