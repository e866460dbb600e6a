"""Frames of one session and length begin with the same 38 bytes before translation, and with the same 38 after it."""

from collections.abc import Callable
from typing import NamedTuple

from actors.element import JOURNEY
from actors.protocols.flows import FIN_SYN_RST
from actors.protocols.nat import Session
from actors.protocols.nat.engine import AnyRewrite
from actors.wire import ipv4

MAX_HEADS = 16_384
_CHECKSUM_AT = {ipv4.TCP: 50, ipv4.UDP: 40}


class Head(NamedTuple):
    """What the first 38 bytes of a frame become, as long as the session lives and checksums are left to the card."""

    translated: bytes
    session: Session
    checksum_at: int
    frame_bytes: int


Heads = dict[bytes, Head]


class Way(NamedTuple):
    """One of the two ways across a router that translates."""

    near: str
    far: str
    mac: bytes
    """Of the router, on the near side."""
    direction: str
    settled: Callable[[bytes, int], AnyRewrite | None]
    """How a frame is rewritten that belongs to a session with nothing to decide any more."""
    carefully: Callable[[bytes], None]
    """What all other frames take."""
    heads: Heads


def known(heads: Heads, frame: bytes, now_ns: int) -> bytes | None:
    """The translated frame, if one that begins alike was translated before; journeys are to be told, so not theirs."""
    head = heads.get(frame[:38])
    if head is None or JOURNEY.get() is not None:
        return None
    translated, session, checksum_at, frame_bytes = head
    if (
        len(frame) != frame_bytes or not session.alive or frame[checksum_at : checksum_at + 2] != b"\0\0"
        or (checksum_at == 50 and frame[47] & FIN_SYN_RST)
    ):  # fmt: skip
        return None
    session.connection.seen_ns = now_ns
    return translated + frame[38:]


def remember(heads: Heads, frame: bytes, translated: bytes, session: Session) -> None:
    """Only headers whose identification does not count up come again."""
    if frame[18:20] == b"\0\0":
        if len(heads) >= MAX_HEADS:
            heads.clear()
        heads[frame[:38]] = Head(translated[:38], session, _CHECKSUM_AT[frame[23]], len(frame))
