"""What travels in a ZeroMQ message: a batch, which is a msgpack array of envelopes, each a frame on a link.

    [[link: str, due_ns: int, journey: str | nil, frame: bin], ...]

`due_ns` is the model time at which the frame's last bit arrives; `journey` marks packets whose story is recorded
(`wire.baggage`).
An array (not arrays one after another) lets one call to `unpackb` take the whole message or refuse all of it.
"""

import struct
from typing import Any

import msgpack

from actors.wire.malformed import Malformed

_array_header = struct.Struct(">BI").pack
_unpackb = msgpack.unpackb

pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack
"""One envelope as bytes, to be joined with others by `encode_batch`."""


def encode_batch(packed: list[bytes]) -> bytes:
    """The message that carries these packed envelopes."""
    return b"".join((_array_header(0xDD, len(packed)), *packed))


def decode_batch(message: bytes) -> tuple[Any, ...]:
    """The envelopes of a message, each still to be looked at; raises `Malformed` unless it is an array."""
    try:
        batch = _unpackb(message, use_list=False)
    except Exception as error:
        raise Malformed(f"not a batch of envelopes: {error}") from None
    if type(batch) is not tuple:
        raise Malformed("a batch is an array of envelopes")
    return batch
