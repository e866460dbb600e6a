"""`journey cordon`, `uncordon` and `drain`: taking pods off a node, in kubectl's words."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.failure import THRESHOLD, Failure, usage
from orchestrator.commands.options import Json, optional, seconds, the_cluster
from orchestrator.commands.terminal import print_json, say

if TYPE_CHECKING:
    from orchestrator.kubernetes.cluster import Cluster, Object

POLL_S = 0.2
AGAIN_S = 5.0
"""How long kubectl waits before it evicts a pod again that may not go now."""

Node = Annotated[str, typer.Argument(metavar="NODE", help="A node of the cluster, such as node-1.")]


def cordon(node: Node) -> None:
    """Mark a node as unschedulable: its pods stay, but it gets no new ones.

    [bold]Examples[/bold]

      journey cordon node-1
    """
    print(_mark(the_cluster(), node, unschedulable=True))


def uncordon(node: Node) -> None:
    """Mark a node as schedulable again.

    [bold]Examples[/bold]

      journey uncordon node-1
    """
    print(_mark(the_cluster(), node, unschedulable=False))


def drain(
    node: Node,
    timeout: Annotated[str, typer.Option("--timeout", help="Give up after this, such as 90s.")] = "5m",
    grace_period: Annotated[
        int | None,
        optional(
            "--grace-period",
            metavar="SECONDS",
            min=0,
            help="What each pod gets to end; its own if not given.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Evict pods without a controller, too.")] = False,
    delete_emptydir_data: Annotated[
        bool, typer.Option("--delete-emptydir-data", help="Evict pods whose emptyDir is lost with them, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Cordon a node, evict its pods, and wait until they are gone. Pods of DaemonSets stay.

    [bold]Examples[/bold]

      journey drain node-1
      journey drain node-1 --grace-period 5 --timeout 60s
      journey uncordon node-1

    Ends with 4 when pods are left in the end.
    """
    from orchestrator.kubernetes.draining import full_name, plan

    timeout_s = seconds(timeout)
    cluster = the_cluster()
    say(_mark(cluster, node, unschedulable=True))
    pods = cluster.list("Pod", fieldSelector=f"spec.nodeName={node}")
    todo = plan(pods, force=force, delete_emptydir_data=delete_emptydir_data)
    if todo.objections:
        listed = "\n".join(f"error: {objection}" for objection in todo.objections)
        usage(f"error: unable to drain node {node!r}, aborting command...\n{listed}")
    if todo.of_daemon_sets:
        names = ", ".join(map(full_name, todo.of_daemon_sets))
        say(f"Warning: ignoring DaemonSet-managed Pods: {names}")
    _evict_all(cluster, node, todo.evict, grace_period, time.monotonic() + timeout_s)
    if as_json:
        ignored = list(map(full_name, todo.of_daemon_sets))
        print_json({"node": node, "evicted": list(map(full_name, todo.evict)), "ignored": ignored})
    else:
        print(f"node/{node} drained")


def _mark(cluster: "Cluster", node: str, *, unschedulable: bool) -> str:
    word = "cordoned" if unschedulable else "uncordoned"
    found = cluster.get("Node", node)
    if bool(found["spec"].get("unschedulable")) == unschedulable:
        return f"node/{node} already {word}"
    cluster.patch("Node", node, {"spec": {"unschedulable": unschedulable or None}})
    return f"node/{node} {word}"


def _evict_all(
    cluster: "Cluster", node: str, pods: "list[Object]", grace_period_s: int | None, deadline_s: float
) -> None:
    """Evict them all, again and again those that may not go yet, and wait until all are gone."""
    left = [_Eviction(cluster, pod, grace_period_s) for pod in pods]
    while left:
        for eviction in left:
            eviction.ask()
        left = [eviction for eviction in left if not eviction.is_over()]
        if left and time.monotonic() >= deadline_s:
            names = ", ".join(eviction.name for eviction in left)
            raise Failure(f"error: unable to drain node {node!r}: timed out; still there: {names}", THRESHOLD)
        if left:
            time.sleep(POLL_S)


class _Eviction:
    """One pod's way from the node."""

    def __init__(self, cluster: "Cluster", pod: "Object", grace_period_s: int | None) -> None:
        self._cluster, self._pod, self._grace_period_s = cluster, pod, grace_period_s
        self._metadata = pod["metadata"]
        self.name = f"{self._metadata['namespace']}/{self._metadata['name']}"
        self._ask_at_s: float | None = 0.0

    def ask(self) -> None:
        """Ask for the pod to go, unless that was granted or it is too early to ask again."""
        from actors.protocols.kubernetes.status import ApiError
        from orchestrator.kubernetes.draining import evict

        if self._ask_at_s is None or time.monotonic() < self._ask_at_s:
            return
        say(f"evicting pod {self.name}")
        self._ask_at_s = None
        try:
            evict(self._cluster, self._pod, self._grace_period_s)
        except ApiError as error:
            if error.code == 429:
                say(
                    f"error when evicting pods/{self._metadata['name']!r} (will retry after 5s): {error.message}"
                )
                self._ask_at_s = time.monotonic() + AGAIN_S
            elif error.code not in (404, 409):  # it has gone meanwhile, or another one has its name
                raise

    def is_over(self) -> bool:
        """Whether the pod is gone; says so when it is."""
        from actors.protocols.kubernetes.status import ApiError

        try:
            found = self._cluster.get("Pod", self._metadata["name"], self._metadata["namespace"])
        except ApiError as error:
            if error.code != 404:
                raise
        else:
            if found["metadata"]["uid"] == self._metadata["uid"]:
                return False
        say(f"pod/{self._metadata['name']} evicted")
        return True
