"""The state of elements as pages: headings, and what stands under them, made from whatever an element tells.

How this works. A page for each kind that has much to tell puts things in an order and under headings of their own, and
leaves out what only `--json` is for; keys that a page does not know come last. All other kinds have the general page.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.commands.inspect_blocks import blocks
from orchestrator.commands.inspect_home import of_home_router

if TYPE_CHECKING:
    from rich.console import Console

MOST_SHOWN = 20
"""Lines of a list that would go on with more of the same."""

Section = tuple[str, Any]
"""A heading (empty for none), and what comes under it."""


def show(console: "Console", found: Mapping[str, Any]) -> None:
    """Print what `inspect` of an element has found: `{"name", "kind", "state", "cni_agent"?}`."""
    console.print(f"[bold]{found['name']}[/]  [dim]{found['kind']}[/]")
    sections = list(PAGES.get(found["kind"], general)(found))
    if not sections:
        console.print("tells nothing about itself")
    for heading, value in sections:
        if heading:
            console.print(f"\n[bold]{heading}[/]")
        for block in blocks(value, console.width):
            console.print(block)


def general(found: Mapping[str, Any]) -> Iterator[Section]:
    """Scalars first, then a section for each that has an inside."""
    yield from _rest(found["state"], ())


# ---- nodes and their addresses ---------------------------------------------------------------------------------


def of_node(found: Mapping[str, Any]) -> Iterator[Section]:
    """An EKS node: its ENIs, pods, rules and routes; the CNI agent says which addresses the ENIs have for pods."""
    state, agent = found["state"], found.get("cni_agent")
    own = {key: value for key, value in state.items() if key not in _NODE_KEYS}
    yield from _rest({key: value for key, value in own.items() if not isinstance(value, list | dict)}, ())
    told, agent_name = ({}, "") if agent is None else (agent["state"], agent["name"])
    pools = {} if isinstance(told, str) else {each["id"]: each for each in told.get("network_interfaces", ())}
    yield (
        "network interfaces (ENIs)",
        [_with_pool(each, pools) for each in state.get("network_interfaces", ())],
    )
    if isinstance(told, str):
        yield f"addresses for pods ({agent_name})", [told]
    elif told:
        yield f"addresses for pods ({agent_name})", _pool_figures(told)
    devices = (
        {} if isinstance(told, str) else {each["pod"]: each["device"] for each in told.get("attachments", ())}
    )
    yield "pods", [_pod(name, pod, devices) for name, pod in state.get("pods", {}).items()]
    yield "ip rule", _first(state.get("rules", []))
    for name, routes in state.get("tables", {}).items():
        yield f"ip route show table {name}", _first([_route(each) for each in routes])
    veths = set(state.get("veths", {}).values())
    cards = {name: each for name, each in own.pop("interfaces", {}).items() if name not in veths}
    if cards:
        yield "network cards", cards
    if "neighbours" in own:
        own["neighbours"] = _first(own["neighbours"])
    yield from ((heading, value) for heading, value in _rest(own, ()) if heading)


_NODE_KEYS = (
    "network_interfaces",
    "pods",
    "rules",
    "tables",
    "routes",
    "veths",
)  # routes: table main once more


def _with_pool(interface: Mapping[str, Any], pools: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    pool = pools.get(interface.get("id", ""))
    return {**interface, **({} if pool is None else _counted(pool))}


def _counted(pool: Mapping[str, Any]) -> dict[str, int]:
    """How many addresses an ENI has for pods, by state."""
    states = Counter(pool.get("addresses", {}).values())
    return {"for_pods": states.total(), **{each: states[each] for each in ("assigned", "cooling", "free")}}


def _pool_figures(agent: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in agent.items() if not isinstance(value, list | dict)}


def _pod(name: str, pod: Any, devices: Mapping[str, int]) -> dict[str, Any]:
    if not isinstance(pod, dict):
        return {"pod": name, "ip": pod}
    phase = "Terminating" if pod.get("terminating") else pod.get("phase")
    eni = f"eth{devices[name]}" if name in devices else None
    return {"pod": name, "phase": phase, "ip": pod.get("ip"), "on": eni, "veth": pod.get("veth")}


def _route(route: Any) -> str:
    """As `ip route` writes it."""
    if not isinstance(route, dict):
        return str(route)
    to = "default" if route["matched"] == "0.0.0.0/0" else route["matched"].removesuffix("/32")
    if route["next_hop"] == "direct":
        return f"{to} dev {route['port']} scope link"
    return f"{to} via {route['next_hop']} dev {route['port']}"


def _first(rows: list[Any]) -> list[Any]:
    """No more of a list than one would read."""
    more = len(rows) - MOST_SHOWN
    if more <= 1 or any(isinstance(row, dict) for row in rows):
        return rows if more <= 1 else rows[:MOST_SHOWN]
    return [
        *rows[: MOST_SHOWN // 2],
        f"... {len(rows) - MOST_SHOWN} more, with --json ...",
        *rows[-MOST_SHOWN // 2 :],
    ]


def of_agent(found: Mapping[str, Any]) -> Iterator[Section]:
    """ipamd: the addresses of each ENI by their state, and who has which."""
    state = found["state"]
    yield "", _pool_figures(state)
    rows = [
        {
            **{key: value for key, value in each.items() if key not in ("addresses", "prefixes")},
            **_counted(each),
        }
        for each in state.get("network_interfaces", ())
    ]
    yield "network interfaces (ENIs)", rows
    attachments = [
        {key: each[key] for key in each if key != "netns"} for each in state.get("attachments", ())
    ]
    yield "attachments", attachments
    yield from _rest(
        {key: value for key, value in state.items() if isinstance(value, list | dict)},
        ("network_interfaces", "attachments"),
    )


def of_vpc(found: Mapping[str, Any]) -> Iterator[Section]:
    """The VPC: network interfaces, each with its first address and how many more there are."""
    state = found["state"]
    rest = list(_rest(state, ("network_interfaces",)))
    yield from (section for section in rest if not section[0])
    yield "network interfaces (ENIs)", [_interface(each) for each in state.get("network_interfaces", ())]
    yield from (section for section in rest if section[0])


def _interface(interface: Mapping[str, Any]) -> dict[str, Any]:
    first, *more = interface.get("private_ips") or [None]
    shown = {
        "id": interface.get("id"),
        "attached_to": interface.get("port"),
        "subnet": interface.get("subnet"),
    }
    groups = {"security_groups": interface.get("security_groups")}
    return {**shown, "private_ip": first, "more_ips": len(more), **groups}


# ---- load balancers --------------------------------------------------------------------------------------------


def of_balancer(found: Mapping[str, Any]) -> Iterator[Section]:
    """A node of a load balancer: the targets of each group with state and reason, and the rules of each listener."""
    state = found["state"]
    for name, group in state.get("target_groups", {}).items():
        how = group["algorithm"] + (", failing open" if group["fail_open"] else "")
        yield f"target group {name} ({how})", group["targets"] or ["no targets"]
    for name, rules in state.get("rules", {}).items():
        yield f"listener {name}", [{**rule, "conditions": rule["conditions"] or "always"} for rule in rules]
    yield from _rest(
        state, ("target_groups", "listeners", "rules") if state.get("rules") else ("target_groups",)
    )


def of_router(found: Mapping[str, Any]) -> Iterator[Section]:
    """A border router: its BGP neighbours and RIBs, then what every router has."""
    state = found["state"]
    bgp = state.get("bgp")
    if bgp is not None:
        yield "", {"asn": state.get("asn"), "identifier": bgp["identifier"]}
        for key, heading in _RIBS.items():
            if bgp.get(key):
                yield heading, bgp[key][:MOST_SHOWN]
    yield from _rest(state, ("bgp", "asn") if bgp is not None else ())


_RIBS = {
    "neighbours": "bgp neighbours",
    "adj_rib_in": "Adj-RIB-In: what was told",
    "loc_rib": "Loc-RIB: what was chosen",
    "adj_rib_out": "Adj-RIB-Out: what is told",
}


PAGES: dict[str, Callable[[Mapping[str, Any]], Iterator[Section]]] = {
    "eks_node": of_node,
    "cni_agent": of_agent,
    "vpc": of_vpc,
    "isp_as": of_router,
    "aws_edge": of_router,
    "alb": of_balancer,
    "home_router": lambda found: of_home_router(found, lambda state: _rest(state, ())),
}


# ---- what all have ---------------------------------------------------------------------------------------------


def _rest(state: Mapping[str, Any], but: Iterable[str]) -> Iterator[Section]:
    left = {key: value for key, value in state.items() if key not in but}
    if flat := {key: value for key, value in left.items() if not isinstance(value, list | dict)}:
        yield "", flat
    for key, value in left.items():
        heading = key.replace("_", " ")
        if key == "tcp" and isinstance(value, dict):
            yield from _tcp(value)
        elif isinstance(value, list | dict):
            yield heading, value


def _tcp(state: Mapping[str, Any]) -> Iterator[Section]:
    """Sockets as `ss` would list them; connections that only wait for stray segments are counted."""
    if state.get("listening"):
        yield "tcp, listening", state["listening"]
    connections = state.get("connections", [])
    shown = [
        {key: each.get(key) for key in _OF_A_CONNECTION}
        for each in connections
        if each["state"] != "TIME_WAIT"
    ]
    waiting = len(connections) - len(shown)
    if shown or not waiting:
        yield "tcp connections", shown
    if waiting:
        yield "" if shown else "tcp connections", [f"{waiting} in TIME_WAIT"]


_OF_A_CONNECTION = (
    "local", "remote", "state", "rtt_ms", "cwnd_bytes", "ssthresh_bytes",
    "unacknowledged_bytes", "retransmits",
)  # fmt: skip
