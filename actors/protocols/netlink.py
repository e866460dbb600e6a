"""What a program may change in a node's kernel: links, `ip rule`, routes, neighbours, and the CNI's SNAT chain.

A change is a dictionary: `op` (`add`, `del`, `replace`), `object`, and the fields that iproute2 prints with `-json`:

    link   ifname, netns (the namespace that the other end of this veth pair lies in), mtu
    rule   priority, table, src and dst (a prefix, or "all")
    route  dst (a prefix, or "default"), dev, gateway (optional), table ("main" unless said)
    neigh  dst, dev, lladdr: a permanent entry
    snat   chain, return (prefixes that keep their source), to_source

The chain is netfilter's business in truth, but it reaches the kernel by netlink too.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from actors.wire.addresses import Prefix, ip_bytes, mac_bytes
from actors.wire.malformed import Malformed

OPERATIONS = ("add", "del", "replace")
LONGEST_NAME = 15
"""IFNAMSIZ less the zero at its end."""


class NetlinkError(ValueError):
    """What the kernel, or `ip` before it, would refuse; worded as `ip` words it where it does."""


class Link(NamedTuple):
    """The host's end of a veth pair; the other end lies in the network namespace of this name."""

    ifname: str
    netns: str
    mtu: int


class Rule(NamedTuple):
    """A line of `ip rule`."""

    priority: int
    table: str
    src: str = "all"
    dst: str = "all"


class Route(NamedTuple):
    """A line of `ip route`; without a gateway its scope is `link`."""

    dst: str
    dev: str
    gateway: str | None = None
    table: str = "main"


class Neighbour(NamedTuple):
    """A permanent line of `ip neigh`."""

    dst: str
    dev: str
    lladdr: str


class SnatChain(NamedTuple):
    """Packets that leave by an ENI get `to_source` for their source, unless they go to one of `returns`."""

    chain: str
    returns: tuple[str, ...]
    to_source: str


Entry = Link | Rule | Route | Neighbour | SnatChain


class Change(NamedTuple):
    """An entry to add, to take away, or to have instead of what stands in its place."""

    op: str
    entry: Entry


def parse(change: Any) -> Change:
    """A change from its dictionary; raises `NetlinkError`."""
    if not isinstance(change, dict):
        raise NetlinkError(f"a change is an object with op and object, not {type(change).__name__}")
    fields = dict(change)
    op, kind = fields.pop("op", None), fields.pop("object", None)
    if op not in OPERATIONS:
        raise NetlinkError(f"op {op!r} is none of {', '.join(OPERATIONS)}")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise NetlinkError(f"object {kind!r} is none of {', '.join(_READERS)}")
    try:
        entry = reader(_Fields(fields))
    except (Malformed, NetlinkError) as error:
        raise NetlinkError(f"{kind}: {error}") from None
    if fields:
        raise NetlinkError(f"{kind} has no {', '.join(map(repr, fields))}")
    return Change(op, entry)


def to_plain(change: Change) -> dict[str, Any]:
    """The dictionary that `parse` reads."""
    return {"op": change.op, **described(change.entry)}


def described(entry: Entry) -> dict[str, Any]:
    """An entry as plain values, `object` among them."""
    match entry:
        case SnatChain(chain, returns, to_source):
            return {"object": "snat", "chain": chain, "return": list(returns), "to_source": to_source}
        case _:
            fields = {name: value for name, value in entry._asdict().items() if value is not None}
            return {"object": _NAMES[type(entry)], **fields}


class _Fields:
    """The fields of a change; reading one takes it out, so that what is left over is unknown."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str, default: str | None = None) -> str:
        value = self._fields.pop(name, default)
        if not isinstance(value, str) or not value:
            raise NetlinkError(f"{name} is missing" if value is None else f"{name} {value!r} is not a name")
        return value

    def number(self, name: str, low: int, high: int) -> int:
        value = self._fields.pop(name, None)
        if type(value) is not int or not low <= value <= high:
            raise NetlinkError(f"{name} {value!r} is not a number from {low} to {high}")
        return value

    def prefix(self, name: str, anything: str | None = None, default: str | None = None) -> str:
        """A prefix in its full form; `anything` is the word for all addresses."""
        text = self.text(name, default)
        return text if text == anything else str(Prefix.parse(text))

    def prefixes(self, name: str) -> tuple[str, ...]:
        values = self._fields.pop(name, None)
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
            raise NetlinkError(f"{name} is a list of prefixes")
        return tuple(str(Prefix.parse(value)) for value in values)

    def address(self, name: str, required: bool = True) -> str | None:
        if not required and self._fields.get(name) is None:
            self._fields.pop(name, None)
            return None
        text = self.text(name)
        ip_bytes(text)
        return text

    def table(self) -> str:
        """`main`, or a table by its number; `local` and `default` are the kernel's."""
        text = self.text("table", "main")
        if text == "main" or (
            text.isdecimal() and 0 < int(text) < 2**32 and int(text) not in (253, 254, 255)
        ):
            return text
        raise NetlinkError(f"table {text!r} is neither main nor the number of another table")

    def device(self, name: str = "dev") -> str:
        text = self.text(name)
        if len(text) > LONGEST_NAME or "/" in text or text.split() != [text]:
            raise NetlinkError(f"{name} {text!r} not a valid ifname")
        return text


def _link(fields: _Fields) -> Link:
    return Link(fields.device("ifname"), fields.text("netns"), fields.number("mtu", 68, 65_535))


def _rule(fields: _Fields) -> Rule:
    priority = fields.number("priority", 1, 32_765)
    return Rule(
        priority, fields.table(), fields.prefix("src", "all", "all"), fields.prefix("dst", "all", "all")
    )


def _route(fields: _Fields) -> Route:
    dst = fields.prefix("dst", "default")
    return Route(dst, fields.device(), fields.address("gateway", required=False), fields.table())


def _neighbour(fields: _Fields) -> Neighbour:
    dst, dev, lladdr = fields.text("dst"), fields.device(), fields.text("lladdr")
    ip_bytes(dst)
    mac_bytes(lladdr)
    return Neighbour(dst, dev, lladdr)


def _snat(fields: _Fields) -> SnatChain:
    chain, to_source = fields.text("chain"), fields.address("to_source")
    assert to_source is not None
    return SnatChain(chain, fields.prefixes("return"), to_source)


_READERS: dict[str, Callable[[_Fields], Entry]] = {
    "link": _link,
    "rule": _rule,
    "route": _route,
    "neigh": _neighbour,
    "snat": _snat,
}
_NAMES: dict[type, str] = {Link: "link", Rule: "rule", Route: "route", Neighbour: "neigh", SnatChain: "snat"}
