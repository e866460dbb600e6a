"""`journey kubectl`: the real kubectl, on the running world's cluster."""

import os
import shutil
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand

from orchestrator.commands.failure import environment
from orchestrator.commands.options import the_world

KUBECONFIG = "kubeconfig"
"""The file in the run directory that the API server writes."""


class Untouched(TyperCommand):
    """Takes all that follows as it is: options and `--` are for the program that is run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return []


def kubectl(ctx: typer.Context) -> None:
    """Run kubectl on the running world's cluster. All that follows is for kubectl, options too.

    [bold]Examples[/bold]

      journey kubectl get pods -o wide
      journey kubectl describe targetgroupbindings
      journey kubectl logs deployment/nginx --follow

    Ends as kubectl does.
    """
    if ctx.args in (["--help"], ["-h"]):
        print(ctx.get_help())
        return
    run_kubectl(ctx.args)


def run_kubectl(arguments: list[str]) -> NoReturn:
    """Become kubectl. Raises `Failure` where that cannot be."""
    client = the_world()
    if client.directory is None:
        from orchestrator.compose.client import kubeconfig_of

        config = kubeconfig_of(client)
    else:
        config = client.directory / KUBECONFIG
    if not config.exists():
        environment(f"this world has no Kubernetes API server that kubectl could ask ({config} is missing)")
    program = shutil.which("kubectl")
    if program is None:
        environment(
            "kubectl is not installed: https://kubernetes.io/docs/tasks/tools/ tells how to get it\n"
            "(scale, rollout restart, rollout status, drain, cordon and uncordon work without it)"
        )
    os.execve(program, ["kubectl", *arguments], {**os.environ, "KUBECONFIG": str(config)})
