"""Names laid together in memory, before the code that uses them is loaded.

CPython keeps one string for each name, and counts references to it: whatever sets an attribute writes to the string.
Loaded with the code they lie scattered, some in each page, and every forked element would get its own copy of all those
pages. So the names in code that elements run are made first, side by side.

Imports nothing that has many names of its own: those are where they are.
"""

import os
import sys
from collections.abc import Iterator
from glob import iglob
from importlib.machinery import SourceFileLoader
from types import CodeType

CODE = (
    "actors/element.py",
    "actors/nginx_pod.py",
    "actors/links/*.py",
    "actors/parts/pod/*.py",
    "actors/parts/tools.py",
    *(
        f"actors/protocols/{name}.py"
        for name in ("arp", "flows", "icmp", "nginx_workers", "path_mtu", "routes")
    ),
    "actors/protocols/http1/*.py",
    "actors/protocols/kubelet/*.py",
    "actors/protocols/tcp/*.py",
    "actors/runtime/*.py",
    "actors/stack/*.py",
    "actors/wire/*.py",
    *(f"asyncio/{name}.py" for name in ("events", "futures", "locks", "runners", "tasks", "timeouts")),
    "asyncio/*_events.py",
    *(f"zmq/sugar/{name}.py" for name in ("attrsettr", "context", "poll", "socket")),
    *(f"{name}.py" for name in ("contextlib", "pathlib", "random", "selectors", "signal", "weakref")),
)
"""What every element runs, and what pods do, of which a world has hundreds; relative to where modules are looked for.
What is not there is none of ours: names are only laid together, and nothing hangs on it."""


def lay_names_together() -> list[str]:
    """The names, to be kept. Takes some 20 ms."""
    names: dict[str, None] = {}
    for file in _files():
        names.update(dict.fromkeys(_names_in(SourceFileLoader("", file).get_code(""))))
    text = "\n".join(names)
    names.clear()
    return [sys.intern(name) for name in text.split("\n")]


def _files() -> Iterator[str]:
    here = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    for folder in dict.fromkeys(os.path.abspath(each) for each in (here, *sys.path)):
        for pattern in CODE:
            yield from sorted(iglob(os.path.join(folder, pattern)))


def _names_in(code: CodeType | None) -> Iterator[str]:
    if code is None:
        return
    yield from (code.co_name, code.co_qualname, *code.co_names)
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _names_in(constant)
        elif type(constant) is str and constant.isidentifier():
            yield constant
