"""A node's kernel as programs on it see it: what is written there, and how more is."""

from typing import NamedTuple

from actors.element import CallFailed, Context
from actors.protocols import cni
from actors.protocols.cni import CniError, NetworkInterface
from actors.protocols.netlink import Change, Entry, Link, NetlinkError, Rule, parse


class Seen(NamedTuple):
    """The ENIs, the network namespaces, and all entries."""

    interfaces: list[NetworkInterface]
    netns: frozenset[str]
    entries: list[Entry]

    def link_of(self, netns: str) -> Link | None:
        """The veth that leads into a namespace."""
        return next((each for each in self.entries if isinstance(each, Link) and each.netns == netns), None)


class NodeView:
    """The kernel of one node, by management calls."""

    def __init__(self, context: Context, node: str) -> None:
        self._context, self._node = context, node

    async def look(self, failed: str) -> Seen:
        """The node as it is; raises `CniError` when it is away, or says what nobody understands."""
        try:
            state = await self._context.call(self._node, "network_state")
            interfaces = [
                NetworkInterface(each["device"], each["address"], each["gateway"])
                for each in state["interfaces"]
            ]
            entries = [parse({"op": "add", **entry}).entry for entry in state["entries"]]
        except (CallFailed, NetlinkError) as error:
            raise CniError(cni.INTERNAL, failed, str(error)) from None
        return Seen(interfaces, frozenset(state["netns"]), entries)

    async def write(self, changes: list[Change], failed: str) -> None:
        if not changes:
            return
        try:
            await self._context.call(self._node, "netlink", changes=cni.plain(changes))
        except CallFailed as error:
            raise CniError(cni.INTERNAL, failed, str(error)) from None

    async def max_pods(self) -> int | None:
        """The kubelet's maxPods, as the Node says; None while it does not say."""
        try:
            node = await self._context.call(self._node, "node_status")
            return int(node["status"]["capacity"]["pods"])
        except (CallFailed, KeyError, TypeError, ValueError):
            return None


def stale_rules(wanted: list[Entry], there: list[Entry]) -> list[Change]:
    """Rules of ENIs that are no longer attached; their routes went with their devices."""
    known = set(wanted)
    return [
        Change("del", each)
        for each in there
        if isinstance(each, Rule) and each.priority == cni.FROM_ENI_PRIORITY and each not in known
    ]
