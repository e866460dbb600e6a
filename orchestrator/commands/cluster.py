"""`journey scale` and `journey rollout`: a deployment's pods, in kubectl's words."""

import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.commands.failure import THRESHOLD, Failure, usage
from orchestrator.commands.kubectl import run_kubectl
from orchestrator.commands.options import Json, optional, seconds, the_cluster
from orchestrator.commands.terminal import print_json, say

if TYPE_CHECKING:
    from orchestrator.kubernetes.cluster import Cluster, Object

POLL_S = 0.2
OWN = re.compile(r"\b[0-9a-f]{64}\b|\b\d+\.\d+\.\d+\.\d+\b")
"""What every pod has for itself in its events: its sandbox's id, its address."""
MOST_NAMED = 3
"""Pods that wait for the same thing."""

Deployment = Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="nginx, or deployment/nginx.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", metavar="NAME", help="Where it lives.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until its pods are as wanted.")]
Timeout = Annotated[str, typer.Option("--timeout", help="Wait no longer than this, such as 90s or 5m.")]
Replicas = Annotated[int, typer.Argument(metavar="N", min=0, help="How many pods it is to have.")]

rollout = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@rollout.callback()
def _rollout() -> None:
    """Replace a deployment's pods, watch that, or take it back.

    [bold]Examples[/bold]

      journey rollout restart nginx
      journey rollout status nginx --timeout 90s
      journey rollout history nginx
      journey rollout undo nginx
    """


def scale(
    deployment: Deployment,
    replicas: Replicas,
    namespace: Namespace = "default",
    wait: Wait = True,
    timeout: Timeout = "2m",
    as_json: Json = False,
) -> None:
    """Give a deployment so many pods, and wait until they are ready (or gone).

    [bold]Examples[/bold]

      journey scale nginx 10
      journey scale nginx 0 --no-wait
      journey scale deployment/nginx 40 --timeout 30s

    Ends with 4 when they are not ready in time, and says which pods are pending and why.
    """
    name, timeout_s = _checked(deployment), seconds(timeout)
    cluster = the_cluster()
    cluster.patch("Deployment", name, {"spec": {"replicas": replicas}}, namespace, subresource="scale")
    if not wait:
        _tell(cluster.get("Deployment", name, namespace), as_json, f"deployment.apps/{name} scaled")
        return
    from orchestrator.kubernetes.workloads import is_scaled, ready_of, scaling

    say(f"deployment.apps/{name} scaled")
    found = _follow(
        cluster,
        name,
        namespace,
        timeout_s,
        lambda each: (scaling(each), is_scaled(each)),
    )
    ready, wanted = ready_of(found)
    _tell(found, as_json, f"deployment.apps/{name} has {ready} of {wanted} pods ready")


@rollout.command()
def restart(deployment: Deployment, namespace: Namespace = "default") -> None:
    """Replace all pods of a deployment by new ones, a few at a time.

    [bold]Examples[/bold]

      journey rollout restart nginx
    """
    from orchestrator.kubernetes.workloads import restarted

    name = _checked(deployment)
    change = restarted(datetime.now().astimezone())
    the_cluster().patch("Deployment", name, change, namespace, manager="kubectl-rollout")
    print(f"deployment.apps/{name} restarted")


@rollout.command()
def status(
    deployment: Deployment,
    namespace: Namespace = "default",
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Wait until it is over.")] = True,
    timeout: Timeout = "2m",
) -> None:
    """Tell how far a rollout has come, until it is over.

    [bold]Examples[/bold]

      journey rollout status nginx
      journey rollout status nginx --no-watch

    Ends with 4 when it is not over in time, or will not be.
    """
    from orchestrator.kubernetes.workloads import progress

    name, timeout_s = _checked(deployment), seconds(timeout)
    cluster = the_cluster()
    if not watch:
        print(progress(cluster.get("Deployment", name, namespace)).message)
        return
    found = _follow(
        cluster,
        name,
        namespace,
        timeout_s,
        lambda each: (progress(each).message, progress(each).done or progress(each).failed),
        say_last=False,
    )
    end = progress(found)
    if end.failed:
        raise Failure(f"error: {end.message}{_whats_pending(cluster, found)}", THRESHOLD)
    print(end.message)


@rollout.command()
def history(
    deployment: Deployment,
    namespace: Namespace = "default",
    revision: Annotated[int | None, optional("--revision", min=1, help="Show this one in full.")] = None,
) -> None:
    """List the revisions of a deployment; kubectl does it.

    [bold]Examples[/bold]

      journey rollout history nginx
      journey rollout history nginx --revision 2
    """
    more = [] if revision is None else [f"--revision={revision}"]
    run_kubectl(["rollout", "history", f"deployment/{_checked(deployment)}", "-n", namespace, *more])


@rollout.command()
def undo(
    deployment: Deployment,
    namespace: Namespace = "default",
    to_revision: Annotated[
        int | None,
        optional("--to-revision", min=1, help="Go back to this one."),
    ] = None,
) -> None:
    """Go back to the revision before, or to a certain one; kubectl does it.

    [bold]Examples[/bold]

      journey rollout undo nginx
      journey rollout undo nginx --to-revision 1
    """
    more = [] if to_revision is None else [f"--to-revision={to_revision}"]
    run_kubectl(["rollout", "undo", f"deployment/{_checked(deployment)}", "-n", namespace, *more])


def _checked(deployment: str) -> str:
    from orchestrator.kubernetes.workloads import NotADeployment, deployment_name

    try:
        return deployment_name(deployment)
    except NotADeployment as error:
        usage(str(error))


def _follow(
    cluster: "Cluster", name: str, namespace: str, timeout_s: float, look: Any, *, say_last: bool = True
) -> "Object":
    """Look until it is done, and say what is new. Returns the deployment then; raises `Failure` at a timeout."""
    deadline_s, told = time.monotonic() + timeout_s, ""
    while True:
        found = cluster.get("Deployment", name, namespace)
        message, done = look(found)
        if message != told and (say_last or not done):
            say(message)
            told = message
        if done:
            return found
        if time.monotonic() >= deadline_s:
            words = f"error: timed out waiting for the condition: {message}"
            raise Failure(words + _whats_pending(cluster, found), THRESHOLD)
        time.sleep(POLL_S)


def _whats_pending(cluster: "Cluster", deployment: "Object") -> str:
    """What holds it up, a line for each reason, with those that it holds up.

    Reasons that differ by a sandbox's id or a pod's address alone are one; the first one's stands for them."""
    from orchestrator.journal.wording import listed
    from orchestrator.kubernetes.workloads import pending

    alike: dict[str, tuple[str, list[str]]] = {}
    for each in pending(cluster, deployment):
        why = f"{each.state}{f' ({each.why})' if each.why else ''}"
        alike.setdefault(OWN.sub("", why), (why, []))[1].append(each.name)
    return "".join(f"\n  {listed(names, most=MOST_NAMED)}: {why}" for why, names in alike.values())


def _tell(deployment: "Object", as_json: bool, message: str) -> None:
    if not as_json:
        print(message)
        return
    from orchestrator.kubernetes.workloads import ready_of

    ready, wanted = ready_of(deployment)
    metadata = deployment["metadata"]
    print_json(
        {
            "deployment": metadata["name"],
            "namespace": metadata["namespace"],
            "replicas": wanted,
            "ready": ready,
        }
    )
