"""Who may look at whom in `actors/` and `orchestrator/`, and what each room must not reach for.

A packet walks one way, and each room knows only the rooms on its left:

    wire  ->  protocols  ->  stack  ->  parts  ->  element files  ->  links  ->  runtime

`element`, `units` and `bounds` are files that everybody but `wire` may know. A file at the top of `actors/` that is
none of these is an element.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ROOMS = ("wire", "protocols", "stack", "parts", "links", "runtime", "element", "units", "bounds")

_PARTS_OF_AN_ELEMENT = {"parts", "stack", "protocols", "wire", "element", "units", "bounds"}
LOOKS_AT = {
    "wire": {"wire"},
    "units": {"units"},
    "bounds": {"bounds"},
    "protocols": {"protocols", "wire", "units"},
    "element": {"element", "wire", "units", "bounds"},
    "stack": {"stack", "protocols", "wire", "element", "units"},
    "parts": _PARTS_OF_AN_ELEMENT,
    "an element": _PARTS_OF_AN_ELEMENT,
    "links": {"links", "wire", "element", "units", "bounds"},
    "runtime": {"runtime", "links", *_PARTS_OF_AN_ELEMENT},
}
MAY_INSTALL = {
    "wire": {"msgpack", "dns"},
    "protocols": {"botocore", "cryptography", "dns", "h2", "httptools", "hyperframe", "re2"},
    "units": {"pydantic"},
}
"""Distributions that the innermost rooms may use; the others are not held to a list."""

_CLOCKS = ("time", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today")
_DICE = ("random", "secrets", "os.urandom", "uuid.uuid1", "uuid.uuid4")
_SANS_IO = {
    **dict.fromkeys(_CLOCKS, "take now_ns as an argument"),
    **dict.fromkeys(_DICE, "take a random.Random as an argument"),
    "asyncio": "engines do not wait: return outputs, and name the next deadline",
    "threading": "engines run in one thread",
    "socket": "engines touch no network: return what to send",
    "subprocess": "engines touch no process",
}
_ELEMENT = {
    **dict.fromkeys(_CLOCKS, "ask context.now_ns()"),
    **dict.fromkeys(_DICE, "throw context.random"),
    "asyncio.sleep": "wait with context.sleep()",
    "asyncio.create_task": "start it with context.spawn()",
    "asyncio.ensure_future": "start it with context.spawn()",
    "asyncio.to_thread": "elements run in one thread",
    "asyncio.open_connection": "use the stack's create_connection()",
    "asyncio.start_server": "use the stack's create_server()",
    "threading": "elements run in one thread",
    "socket": "elements have only the emulated stack",
    "subprocess": "elements touch no process",
    "zmq": "elements know no carrier",
}
NEVER = {
    "wire": _SANS_IO,
    "protocols": _SANS_IO,
    "stack": _ELEMENT,
    "parts": _ELEMENT,
    "an element": _ELEMENT,
}
ALLOWED = {"random.Random"}


class Use(NamedTuple):
    """A line that imports or uses a module or something in one, by its full dotted name."""

    line: int
    name: str
    imported: bool


def is_element(source: str) -> bool:
    return re.search(r"^class \w+\(Element\):", source, re.MULTILINE) is not None


def room_of(path: Path, source: str) -> str:
    """`path` is relative to `actors/`."""
    first = path.parts[0].removesuffix(".py")
    if first in ROOMS:
        return first
    if first in ("__main__", "__init__"):
        return "runtime"
    return "an element"


def uses(source: str) -> Iterator[Use]:
    """What a file imports, and which attributes of imported modules it takes."""
    tree = ast.parse(source)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for name in names:
                    known[name.asname or name.name.split(".")[0]] = (
                        name.name if name.asname else name.name.split(".")[0]
                    )
                    yield Use(node.lineno, name.name, True)
            case ast.ImportFrom(module=str(module), names=names):
                for name in names:
                    known[name.asname or name.name] = f"{module}.{name.name}"
                    yield Use(node.lineno, f"{module}.{name.name}", True)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := _dotted(node)):
            first, _, rest = name.partition(".")
            if first in known:
                yield Use(node.lineno, f"{known[first]}.{rest}", False)


def _dotted(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            inner = _dotted(value)
            return inner and f"{inner}.{attribute}"
    return None


def complaints(path: Path, source: str, kinds: set[str]) -> Iterator[str]:
    """What a file of `actors/` does that its room must not, each as a sentence that helps."""
    room = room_of(path, source)
    said = set()
    for use in uses(source):
        what = _trespass(path, room, use, kinds) or _reach(room, use)
        if what and (use.line, what) not in said:
            said.add((use.line, what))
            yield f"actors/{path}:{use.line} {what}"


def _trespass(path: Path, room: str, use: Use, kinds: set[str]) -> str | None:
    if not use.imported:
        return None
    parts = use.name.split(".")
    if parts[0] == "orchestrator":
        return f"imports {use.name}; actors know no orchestrator"
    if parts[0] != "actors":
        allowed = MAY_INSTALL.get(room)
        if allowed is None or parts[0] in sys.stdlib_module_names or parts[0] in allowed:
            return None
        return f"imports {parts[0]}; {room} has {', '.join(sorted(allowed))} and the standard library only"
    target = parts[1]
    if target in kinds:
        if room == "runtime" or path == Path(f"{target}.py"):
            return None
        return f"imports the element {target}; elements know each other by their packets only"
    if target in LOOKS_AT[room]:
        return None
    return f"imports {use.name}; {room} may look at {', '.join(sorted(LOOKS_AT[room]))}"


def _reach(room: str, use: Use) -> str | None:
    if use.name in ALLOWED:
        return None
    for name, advice in NEVER.get(room, {}).items():
        if use.name == name and use.imported and any(allowed.startswith(f"{name}.") for allowed in ALLOWED):
            return None  # `import random` may be for random.Random; what is taken from it is looked at
        if use.name == name or use.name.startswith(f"{name}."):
            return f"{'imports' if use.imported else 'uses'} {use.name}; {advice}"
    return None


def element_names() -> set[str]:
    """The kinds: files at the top of `actors/` that define an Element."""
    return {path.stem for path in (ROOT / "actors").glob("*.py") if is_element(path.read_text())}
