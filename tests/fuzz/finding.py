"""Finds the parsers there are, by their names and by what they take, so that none is forgotten."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "actors"
_READS = ("parse", "read", "decode", "unpack", "feed", "quoted")
_BYTES = {"bytes", "bytearray", "memoryview"}
_FROM_A_WIRE = {"data", "body", "frame", "raw", "head", "fields", "original", "message", "options", "packet"}
_ASYNCIO = {"data_received", "datagram_received"}


def parsers_there_are() -> set[str]:
    """Public functions and methods of the wire and of protocols that take what comes from strangers, and what
    asyncio calls with it anywhere."""
    found = set()
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name, function in _functions(ast.parse(path.read_text()), ""):
            if name.rpartition(".")[2] in _ASYNCIO or (_is_room_of_parsers(path) and _reads(function)):
                found.add(f"{module}.{name}")
    return found


def _is_room_of_parsers(path: Path) -> bool:
    return path.relative_to(ROOT).parts[0] in ("wire", "protocols")


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
            yield prefix + child.name, child


def _reads(function: ast.FunctionDef) -> bool:
    """Whether it takes bytes (or a text, if it says that it reads) under a name that they have on their way in."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    says_so = function.name.startswith(_READS)
    for argument in arguments:
        named = {node.id for node in ast.walk(argument) if isinstance(node, ast.Name)}
        if named & _BYTES and (argument.arg in _FROM_A_WIRE or says_so):
            return True
        if says_so and "str" in named and argument.arg in ("text", "value"):
            return True
    return False
