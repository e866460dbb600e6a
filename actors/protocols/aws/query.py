"""Requests of the protocols `query` (Elastic Load Balancing, STS) and `ec2`: a form whose keys are paths.

`Targets.member.1.Id=10.0.0.1&Targets.member.1.Port=80`, in the protocol `ec2` without the `member`. How this works: the
keys make a tree, and the tree is read along the operation's input shape, which says what is a list and what a number.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from actors.protocols.aws import scalars
from actors.protocols.aws.scalars import Unreadable

if TYPE_CHECKING:
    from botocore.model import Shape

Tree = dict[str, Any]
"""Texts by name at the leaves."""
MAX_DEPTH = 20
OF_THE_PROTOCOL = ("Action", "Version")
_SIGNATURE = "X-Amz-"
"""What a presigned URL has beside the parameters."""


def read_query(form: Iterable[tuple[str, str]], shape: "Shape | None", *, ec2: bool) -> dict[str, Any]:
    """The parameters of a request, in botocore's shape. Raises `Unreadable`."""
    tree = _grow(
        (key, text) for key, text in form if key not in OF_THE_PROTOCOL and not key.startswith(_SIGNATURE)
    )
    if shape is None:
        if tree:
            raise _unknown(next(iter(tree)))
        return {}
    return dict(_Reader(ec2).structure(shape, tree, ""))


def _grow(form: Iterable[tuple[str, str]]) -> Tree:
    tree: Tree = {}
    for key, text in form:
        *path, last = key.split(".")
        if len(path) > MAX_DEPTH:
            raise Unreadable("a key with too many parts", key)
        node = tree
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise Unreadable("a key that leads through a value", key)
        if last in node:
            raise Unreadable("a key that is given twice", key)
        node[last] = text
    return tree


def _unknown(where: str) -> Unreadable:
    return Unreadable(f"The parameter {where} is not recognized", where)


class _Reader:
    """Reads a tree along a shape."""

    def __init__(self, ec2: bool) -> None:
        self._ec2 = ec2

    def value(self, shape: "Shape", node: Any, where: str) -> Any:
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, node, where)
        if kind == "list":
            return self.list(shape, node, where)
        if kind == "map":
            return self.map(shape, node, where)
        if isinstance(node, dict):
            raise _unknown(f"{where}.{next(iter(node))}")
        return scalars.read(shape, node, where)

    def structure(self, shape: "Shape", node: Any, where: str) -> dict[str, Any]:
        if not isinstance(node, dict):
            raise Unreadable("a value where a structure belongs", where)
        left, found = dict(node), {}
        for member, inner in shape.members.items():
            name = self._name(inner, member)
            if name in left:
                found[member] = self.value(inner, left.pop(name), f"{where}.{name}" if where else name)
        for name in left:
            raise _unknown(f"{where}.{name}" if where else name)
        return found

    def _name(self, shape: "Shape", default: str) -> str:
        serialization = shape.serialization
        if self._ec2:
            if "queryName" in serialization:
                return str(serialization["queryName"])
            name = str(serialization.get("name", default))
            return name[0].upper() + name[1:] if "name" in serialization else name
        if shape.type_name == "list" and serialization.get("flattened"):
            return str(shape.member.serialization.get("name") or serialization.get("name", default))
        return str(serialization.get("name", default))

    def list(self, shape: "Shape", node: Any, where: str) -> list[Any]:
        if node == "" and not self._ec2:
            return []
        if not self._ec2 and not shape.serialization.get("flattened"):
            member = shape.member.serialization.get("name", "member")
            node, where = _only(node, member, where), f"{where}.{member}"
        return [self.value(shape.member, one, f"{where}.{index}") for index, one in _numbered(node, where)]

    def map(self, shape: "Shape", node: Any, where: str) -> dict[Any, Any]:
        if not shape.serialization.get("flattened"):
            node, where = _only(node, "entry", where), f"{where}.entry"
        found = {}
        names = (shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value"))
        for index, pair in _numbered(node, where):
            if not isinstance(pair, dict) or set(pair) != set(names):
                raise Unreadable(f"an entry that has not {names[0]} and {names[1]}", f"{where}.{index}")
            key, value = (pair[name] for name in names)
            found[self.value(shape.key, key, where)] = self.value(shape.value, value, where)
        return found


def _only(node: Any, name: str, where: str) -> Any:
    if not isinstance(node, dict):
        raise Unreadable("a value where a list belongs", where)
    for other in node:
        if other != name:
            raise _unknown(f"{where}.{other}")
    return node[name]


def _numbered(node: Any, where: str) -> list[tuple[int, Any]]:
    """A list's members by their numbers, in order; these need not be 1, 2, 3."""
    if not isinstance(node, dict):
        raise Unreadable("a value where a list belongs", where)
    for name in node:
        if not (name.isascii() and name.isdigit() and len(name) < 9):
            raise _unknown(f"{where}.{name}")
    return sorted(((int(name), one) for name, one in node.items()), key=lambda pair: pair[0])
