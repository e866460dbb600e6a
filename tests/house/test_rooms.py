from pathlib import Path

import pytest

from tests.house.rooms import ROOT, complaints, element_names, room_of

FILES = sorted((ROOT / "actors").rglob("*.py"))


def told(path: str, source: str) -> list[str]:
    return list(complaints(Path(path), source, {"laptop", "alb"}))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "actors")))
def test_each_file_keeps_to_its_room(path: Path):
    assert not list(complaints(path.relative_to(ROOT / "actors"), path.read_text(), element_names()))


def test_every_room_has_files():
    rooms = {room_of(path.relative_to(ROOT / "actors"), path.read_text()) for path in FILES}
    assert rooms == {
        "wire",
        "protocols",
        "stack",
        "links",
        "runtime",
        "element",
        "units",
        "bounds",
        "parts",
        "an element",
    }


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        (
            "protocols/dns.py",
            "\n\nimport time",
            "actors/protocols/dns.py:3 imports time; take now_ns as an argument",
        ),
        (
            "protocols/dns.py",
            "from time import monotonic_ns",
            "actors/protocols/dns.py:1 imports time.monotonic_ns; take now_ns as an argument",
        ),
        (
            "wire/dns.py",
            "import random\nx = random.randrange(5)",
            "actors/wire/dns.py:2 uses random.randrange; take a random.Random as an argument",
        ),
        (
            "protocols/tcp/states.py",
            "import asyncio",
            "actors/protocols/tcp/states.py:1 imports asyncio; "
            "engines do not wait: return outputs, and name the next deadline",
        ),
        (
            "protocols/arp.py",
            "from actors.element import Context",
            "actors/protocols/arp.py:1 imports actors.element.Context; protocols may look at protocols, units, wire",
        ),
        (
            "wire/arp.py",
            "import zmq",
            "actors/wire/arp.py:1 imports zmq; wire has dns, msgpack and the standard library only",
        ),
        (
            "laptop.py",
            "from actors.alb import Alb\nclass Laptop(Element): ...",
            "actors/laptop.py:1 imports the element alb; elements know each other by their packets only",
        ),
        (
            "laptop.py",
            "from actors.links.port import LinkPort\nclass Laptop(Element): ...",
            "actors/laptop.py:1 imports actors.links.port.LinkPort; an element may look at "
            "bounds, element, parts, protocols, stack, units, wire",
        ),
        (
            "laptop.py",
            "import asyncio as a\na.sleep(1)",
            "actors/laptop.py:2 uses asyncio.sleep; wait with context.sleep()",
        ),
        (
            "parts/access_log.py",
            "from datetime import datetime\ndatetime.now()",
            "actors/parts/access_log.py:2 uses datetime.datetime.now; ask context.now_ns()",
        ),
        (
            "links/zeromq.py",
            "from actors.stack import Stack",
            "actors/links/zeromq.py:1 imports actors.stack.Stack; "
            "links may look at bounds, element, links, units, wire",
        ),
        (
            "runtime/join.py",
            "import orchestrator.world",
            "actors/runtime/join.py:1 imports orchestrator.world; actors know no orchestrator",
        ),
    ],
)
def test_a_trespass_is_told_with_what_to_do_instead(path: str, source: str, complaint: str):
    assert told(path, source) == [complaint]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("protocols/dns.py", "from random import Random\nimport dns.name"),
        ("protocols/dns.py", "import random\ndef f(dice: random.Random): ..."),
        ("laptop.py", "import asyncio\nasyncio.timeout(5); asyncio.Event()"),
        ("runtime/host.py", "import actors.laptop\nimport time"),
    ],
)
def test_what_a_room_may_do(path: str, source: str):
    assert told(path, source) == []
