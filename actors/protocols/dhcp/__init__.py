"""DHCP (RFC 2131): client and server as engines. Messages in, messages to send and notes for the journal out."""

from typing import Any, NamedTuple

from actors.wire.dhcp import Message


class Send(NamedTuple):
    """A message for port 67 (from a client) or 68 (from a server) of `destination`, often 255.255.255.255."""

    message: Message
    destination: bytes


class Note(NamedTuple):
    """A step or decision for the journal: `context.event(note.kind, **note.fields)`."""

    kind: str
    fields: dict[str, Any]
