"""What travels in a ZeroMQ message: a batch, which is a msgpack array of envelopes, each a frame on a link.

    [[link: str, due_ns: int, journey: str | nil, frame: bin], ...]

`due_ns` is the model time at which the frame's last bit arrives; `journey` marks packets whose story is recorded.
An array (not arrays one after another) lets one call to `unpackb` take the whole message or refuse all of it.
"""

import struct
from typing import Any

import msgpack

from actors.wire.malformed import Malformed

MAX_FRAME = 65_535 + 18

_array_header = struct.Struct(">BI").pack
_unpackb = msgpack.unpackb

pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack
"""One envelope as bytes, to be joined with others by `encode_batch`."""


def encode_batch(packed: list[bytes]) -> bytes:
    """The message that carries these packed envelopes."""
    return b"".join((_array_header(0xDD, len(packed)), *packed))


def decode_batch(message: bytes) -> tuple[Any, ...]:
    """The envelopes of a message, not yet checked one by one (`check` does); raises `Malformed`."""
    try:
        batch = _unpackb(message, use_list=False)
    except Exception as error:
        raise Malformed(f"not a batch of envelopes: {error}") from None
    if type(batch) is not tuple:
        raise Malformed("a batch is an array of envelopes")
    return batch


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
