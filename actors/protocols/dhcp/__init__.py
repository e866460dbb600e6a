"""DHCP (RFC 2131): client and server as engines. Messages in, messages to send and notes for the journal out."""

from typing import Any, NamedTuple

from actors.wire.dhcp import Message


class Send(NamedTuple):
    """A message to be sent to port 67 (by a client) or 68 (by a server) of `destination`, which may be 255.255.255.255."""

    message: Message
    destination: bytes


class Note(NamedTuple):
    """A step or decision for the journal: `context.event(note.kind, **note.fields)`."""

    kind: str
    fields: dict[str, Any]
