"""What travels in a ZeroMQ message: a batch of msgpack arrays, one after another, each a frame on a link.

    [link: str, due_ns: int, journey: str | nil, frame: bin]

`due_ns` is the model time at which the frame's last bit arrives; `journey` marks packets whose story is recorded.
"""

from typing import Any

import msgpack

from actors.wire.malformed import Malformed

Envelope = tuple[str, int, str | None, bytes]

MAX_FRAME = 65_535 + 18

pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack


def decode_batch(message: bytes) -> list[Envelope]:
    """All envelopes of one message; raises `Malformed` if any of it is not one, so that a batch is all or nothing."""
    unpacker = msgpack.Unpacker(use_list=False, max_buffer_size=max(len(message), 1))
    try:
        unpacker.feed(message)
        envelopes: list[Any] = list(unpacker)
        consumed = unpacker.tell()
    except Exception as error:
        raise Malformed(f"not a batch of envelopes: {error}") from None
    if consumed != len(message):
        raise Malformed("a batch ends in the middle of an envelope")
    for envelope in envelopes:
        check(envelope)
    return envelopes


def check(envelope: Any) -> None:
    """Raises `Malformed` unless this is `(link, due_ns, journey, frame)`."""
    if type(envelope) is not tuple or len(envelope) != 4:
        raise Malformed("an envelope is an array of four")
    link, due_ns, journey, frame = envelope
    if type(link) is not str or type(due_ns) is not int or type(frame) is not bytes:
        raise Malformed("an envelope holds a link name, a time in ns, a journey or nil, and a frame")
    if journey is not None and type(journey) is not str:
        raise Malformed("a journey is text or nil")
    if len(frame) > MAX_FRAME:
        raise Malformed(f"a frame of {len(frame)} bytes does not fit on any link")
