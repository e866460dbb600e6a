"""What went before a journey: how the laptop came by its lease, and how the pod that answered came to be.

How this works. Of the lease it is what happened since its client last began to look for one: what it says itself,
and what a server says of its MAC address, which others ask for leases, too. Of the pod it is what
concerns the sandbox whose process answered: its address, its wiring, its containers, and its way to being a healthy
target of the load balancer's node that the request passed.
"""

from collections.abc import Sequence
from typing import Any

from orchestrator.journal.journey import Journey

Record = dict[str, Any]

LEASE, POD = "dhcp.", ("ipam.", "cni.", "pod.", "target.")


def went_before(journey: Journey, events: Sequence[Record]) -> list[Record]:
    """Those of the world's events (by model time) that a journey's story begins with."""
    earlier = [event for event in events if event["t_ns"] <= journey.start_ns]
    lease = _latest_lease(journey.origin, [event for event in earlier if event["kind"].startswith(LEASE)])
    return [
        *lease,
        *_latest_sandbox(journey.hops, [event for event in earlier if event["kind"].startswith(POD)]),
    ]


def _latest_lease(client: str, events: list[Record]) -> list[Record]:
    begins = [
        place
        for place, event in enumerate(events)
        if event["kind"] == "dhcp.discover" and event["element"] == client
    ]
    if begins:
        events = events[begins[-1] :]
    mac = events[0].get("mac") if begins else None
    return [event for event in events if event["element"] == client or event.get("mac") == mac]


def _latest_sandbox(hops: Sequence[str], events: list[Record]) -> list[Record]:
    made = [event for event in events if event["kind"] == "pod.sandbox" and event.get("process") == hops[-1]]
    if not made:
        return []  # no pod has answered, or its beginning is forgotten
    sandbox, pod = made[-1]["sandbox"], made[-1]["pod"]
    target = made[-1]["address"].partition("/")[0] + ":"
    begin_ns = min(event["t_ns"] for event in events if event.get("sandbox") == sandbox)

    def concerns(event: Record) -> bool:
        match event["kind"]:
            case "ipam.assign" | "cni.add" | "pod.sandbox":
                return bool(event.get("sandbox") == sandbox)
            case "pod.container":
                return bool(event["pod"] == pod)
            case "target.registered":
                return event["element"] in hops and any(each.startswith(target) for each in event["targets"])
            case "target.state":
                return (
                    event["element"] in hops
                    and event["to"] == "healthy"
                    and event["target"].startswith(target)
                )
        return False

    return [event for event in events if event["t_ns"] >= begin_ns and concerns(event)]
