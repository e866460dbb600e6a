"""XML bodies: values to XML and back, along the shapes of a service's model."""

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from actors.protocols.aws import scalars
from actors.protocols.aws.scalars import Unreadable

if TYPE_CHECKING:
    from botocore.model import Shape

Node = ElementTree.Element
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def text_of(root: Node) -> bytes:
    return DECLARATION + ElementTree.tostring(root, encoding="unicode").encode()


def add(parent: Node, name: str, text: str | None = None) -> Node:
    node = ElementTree.SubElement(parent, name)
    node.text = text
    return node


# ---- values to XML ------------------------------------------------------------------------------------------


def write_members(shape: "Shape", value: dict[str, Any], node: Node) -> None:
    """The members of a structure, as children of the node; those that travel elsewhere (in headers) are left out."""
    for member, inner in shape.members.items():
        if value.get(member) is not None and "location" not in inner.serialization:
            _write(inner, value[member], node, str(inner.serialization.get("name", member)))


def _write(shape: "Shape", value: Any, parent: Node, name: str) -> None:
    kind, flattened = shape.type_name, shape.serialization.get("flattened")
    if kind == "structure":
        write_members(shape, value, add(parent, name))
    elif kind == "list":
        inner = shape.member
        if flattened:
            node, name = parent, str(inner.serialization.get("name", name))
        else:
            node, name = add(parent, name), str(inner.serialization.get("name", "member"))
        for one in value:
            _write(inner, one, node, name)
    elif kind == "map":
        node = parent if flattened else add(parent, name)
        for key, one in value.items():
            entry = add(node, name if flattened else "entry")
            _write(shape.key, key, entry, str(shape.key.serialization.get("name", "key")))
            _write(shape.value, one, entry, str(shape.value.serialization.get("name", "value")))
    else:
        add(parent, name, scalars.write(shape, value))


# ---- XML to values ------------------------------------------------------------------------------------------


def parse(body: bytes) -> Node:
    """The document's root. Raises `Unreadable`; document type declarations, which can blow up, are refused."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise Unreadable("a document type declaration is not allowed")
    try:
        return ElementTree.fromstring(body)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise Unreadable(f"the XML is not well-formed: {error}") from None


def read_members(shape: "Shape", node: Node, where: str = "") -> dict[str, Any]:
    """The structure that a node's children stand for. Raises `Unreadable`."""
    children: dict[str, list[Node]] = {}
    for child in node:
        children.setdefault(_tag(child), []).append(child)
    found = {}
    for member, inner in shape.members.items():
        if "location" in inner.serialization:
            continue
        name = str(inner.serialization.get("name", member))
        if inner.type_name == "list" and inner.serialization.get("flattened"):
            name = str(inner.member.serialization.get("name", name))
        if nodes := children.pop(name, None):
            found[member] = _read(inner, nodes, f"{where}.{name}" if where else name)
    for name in children:
        raise Unreadable(f"unexpected element {name}", f"{where}.{name}" if where else name)
    return found


def _read(shape: "Shape", nodes: list[Node], where: str) -> Any:
    kind, flattened = shape.type_name, shape.serialization.get("flattened")
    if not (kind in ("list", "map") and flattened):
        if len(nodes) > 1:
            raise Unreadable("an element that is given twice", where)
        nodes = list(nodes[0]) if kind in ("list", "map") else nodes
    if kind == "structure":
        return read_members(shape, nodes[0], where)
    if kind == "list":
        return [_read(shape.member, [one], f"{where}.{n}") for n, one in enumerate(nodes, 1)]
    if kind == "map":
        return dict(_entry(shape, one, where) for one in nodes)
    if len(nodes[0]):
        raise Unreadable("an element where a value belongs", where)
    return scalars.read(shape, nodes[0].text or "", where)


def _entry(shape: "Shape", node: Node, where: str) -> tuple[Any, Any]:
    if len(node) != 2:
        raise Unreadable("an entry that has not a key and a value", where)
    return _read(shape.key, [node[0]], where), _read(shape.value, [node[1]], where)


def _tag(node: Node) -> str:
    return str(node.tag).rpartition("}")[2]
