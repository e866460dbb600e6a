"""A connection of a load and what a server may say on it that nobody asked for."""

from types import SimpleNamespace
from typing import Any

from actors.parts.load.line import Line


def test_a_server_that_switches_protocols_unasked_has_spoiled_the_connection():
    failed: list[str] = []
    gone: list[str] = []
    pool: Any = SimpleNamespace(
        ready=lambda line: None, run=SimpleNamespace(failed=lambda arrival, why: failed.append(why))
    )
    line = Line(pool)
    line.connection_made(SimpleNamespace(write=lambda data: None, abort=lambda: gone.append("aborted")))
    wanted = SimpleNamespace(alone=b"GET", kept=b"GET", is_head=False)
    line._arrival = SimpleNamespace(wanted=wanted, alone=False)  # type: ignore[assignment]
    line.data_received(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nmore")
    assert (failed, gone) == (["bad_response"], ["aborted"])
