"""What must hold of the pods in any journal, whatever was killed meanwhile: pure functions that find where it does not.

How this works. A sandbox lives from the kubelet's `pod.sandbox` that made it to the one that lost it or took it away,
or to the next `node.boot` of its node: an instance that begins anew has none. Each fault is a sentence; a sound journal
gives none.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]

MOVES = {
    None: {"Pending", "Running", "Succeeded", "Failed"},
    "Pending": {"Running", "Succeeded", "Failed"},
    "Running": {"Succeeded", "Failed"},
    "Succeeded": set(),
    "Failed": set(),
}
"""The phases that may follow a phase; None is a pod that nothing was said of yet."""


class Sandbox(NamedTuple):
    """A sandbox that lives: on which node, since when, for which pod, with which address."""

    node: str
    since: str
    pod: str
    address: str


def _when(record: Record) -> str:
    return f"at {record['t_ns'] / 1e9:.6f} s"


def _follow(record: Record, running: dict[str, Sandbox], kept: dict[str, Sandbox]) -> str | None:
    """Take a record in; the id of the sandbox that was made by it, if any.

    `running` have a process; of those that are `kept` something is left."""
    node = record["element"]
    if record["kind"] == "node.boot":
        for alive in (running, kept):
            for gone in [each for each, sandbox in alive.items() if sandbox.node == node]:
                del alive[gone]
    elif record["kind"] == "pod.sandbox" and "sandbox" in record:
        sandbox = record["sandbox"]
        if record["reason"] == "SandboxCreated":
            running[sandbox] = kept[sandbox] = Sandbox(
                node, _when(record), record["pod"], record["address"].partition("/")[0]
            )
            return str(sandbox)
        running.pop(sandbox, None)
        if record["reason"] == "SandboxRemoved":
            kept.pop(sandbox, None)
    return None


def no_address_in_two_sandboxes(records: Iterable[Record]) -> list[str]:
    """No two sandboxes whose processes run have one address; one that the CNI has deleted has none any more."""
    running: dict[str, Sandbox] = {}
    found = []
    for record in records:
        if record["kind"] == "cni.del" and "error" not in record:
            running.pop(record["sandbox"], None)
        made = _follow(record, running, {})
        if made is None:
            continue
        address = running[made].address
        for other, sandbox in running.items():
            if other != made and sandbox.address == address:
                found.append(
                    f"{_when(record)} {record['pod']} on {record['element']} has {address}, which {sandbox.pod} on "
                    f"{sandbox.node} has {sandbox.since.replace('at', 'since')}"
                )
    return found


def every_sandbox_ends(records: Iterable[Record], alive: Collection[str]) -> list[str]:
    """In the end there are only these sandboxes, and all of these; every other one was taken away."""
    running: dict[str, Sandbox] = {}
    kept: dict[str, Sandbox] = {}
    for record in records:
        _follow(record, running, kept)
    left = [
        f"{sandbox} of {each.pod} on {each.node}, made {each.since}, was never taken away"
        for sandbox, each in kept.items()
        if sandbox not in alive
    ]
    return left + [
        f"{sandbox} lives, but nobody has made it" for sandbox in sorted(alive) if sandbox not in running
    ]


def every_add_has_its_del(records: Iterable[Record], alive: Collection[str]) -> list[str]:
    """Every CNI ADD that succeeded is followed by a DEL that did, or its sandbox is one of these; no DEL is without
    an ADD."""
    added: dict[str, Record] = {}
    ever: set[str] = set()
    found = []
    for record in records:
        if record["kind"] not in ("cni.add", "cni.del") or "error" in record:
            continue
        sandbox = record["sandbox"]
        if record["kind"] == "cni.add":
            if sandbox in added:
                found.append(f"{_when(record)} {sandbox} of {record['pod']} is added again")
            added[sandbox] = record
            ever.add(sandbox)
        elif added.pop(sandbox, None) is None and sandbox in ever:
            found.append(f"{_when(record)} {sandbox} of {record['pod']} is deleted again")
    return found + [
        f"{sandbox} of {record['pod']} was added {_when(record)}, and never deleted"
        for sandbox, record in added.items()
        if sandbox not in alive
    ]


def phases_only_go_on(records: Iterable[Record]) -> list[str]:
    """A pod's phase moves from Pending to Running to its end, and never back.

    A node that begins anew knows of its pods what the API server knows, which may be less than was so on the node."""
    return list(_wrong_moves(records))


def _wrong_moves(records: Iterable[Record]) -> Iterator[str]:
    phases: dict[str, dict[str, str]] = {}
    for record in records:
        if record["kind"] == "node.boot":
            phases.pop(record["element"], None)
        if record["kind"] != "pod.phase":
            continue
        mine = phases.setdefault(record["element"], {})
        before, now = mine.get(record["uid"]), record["phase"]
        if now not in MOVES[before]:
            yield f"{_when(record)} {record['pod']} is {now}, after it was {before}"
        mine[record["uid"]] = now
