"""Where on a request's way each element stands: the `tier` of what it spends time on."""

from orchestrator.config import World

TIERS = ("client", "home", "isp", "transit", "aws_edge", "alb", "node", "pod", "control")

_BY_KIND = {
    "laptop": "client",
    "home_router": "home",
    "aws_edge": "aws_edge",
    "vpc": "aws_edge",
    "alb": "alb",
    "aws_waf": "alb",
    "eks_node": "node",
    "nginx_pod": "pod",
}


def tiers(config: World) -> dict[str, str]:
    """The tier of every element of a world's file. An AS that a home is linked to is its ISP, others are transit."""
    kinds = {name: element.kind for name, element in config.elements.items()}
    homes = {name for name, kind in kinds.items() if kind == "home_router"}
    isps = set()
    for link in config.links.values():
        ends = {end.split(".", 1)[0] for end in link.between}
        if ends & homes:
            isps |= ends - homes
    return {name: _tier(name, kind, isps) for name, kind in kinds.items()}


def nodes(config: World) -> dict[str, str]:
    """The node of each CNI agent of a world's file."""
    found = {}
    for name, element in config.elements.items():
        agent = element.raw.get("cni")
        if element.kind == "eks_node" and isinstance(agent, str):
            found[agent] = name
    return found


def tier_of_kind(kind: str) -> str:
    """The tier of an element that another has launched."""
    return _BY_KIND.get(kind, "control")


def _tier(name: str, kind: str, isps: set[str]) -> str:
    if kind == "isp_as":
        return "isp" if name in isps else "transit"
    return tier_of_kind(kind)
