"""What elements and outposts have in common on their line to the orchestrator: messages, and how often they speak."""

from collections.abc import Callable
from typing import Any, Protocol

import msgpack

from actors.links.junk import log_junk

BEAT_S = 1.0
HELLO_S = 0.5
"""Hello is said again until there is an answer: the orchestrator may not be up yet."""


def unpacked(data: bytes) -> list[Any]:
    """The messages in one ZeroMQ message; what is none is one message that nobody understands."""
    try:
        messages = msgpack.unpackb(data, strict_map_key=False)  # exemplars are by the number of their bucket
    except Exception as error:
        return [error]
    return messages if isinstance(messages, list) and messages else [messages]


class Hearer(Protocol):
    """Who has a method `_on_TYPE` for each type of message, and counts what is none."""

    malformed: int


def hear(hearer: Hearer, data: bytes) -> None:
    """Have the messages in one ZeroMQ message handled; what is malformed is counted and dropped."""
    for message in unpacked(data):
        try:
            handler: Callable[[dict[str, Any]], None] = getattr(hearer, f"_on_{message['t']}")
            handler(message)
        except Exception as error:
            hearer.malformed += 1
            log_junk("actors", hearer.malformed, error)
