"""Links over tcp: CURVE keys that every peer shows, and the gatekeeper that turns strangers away.

A world over tcp has two pairs of keys. The orchestrator's secret key never leaves it: whoever joins knows by the public
one that it talks to the right orchestrator. The elements' pair is known to all of them: it opens the control line and
every inbox. All files are ZeroMQ's Z85 text: `orchestrator.key` and `elements.key` are public, `*.key_secret` are not.

Who lets whom in by them: `gatekeeper.py`. This file imports little, as outposts do.
"""

import os
from typing import TYPE_CHECKING, NamedTuple

import zmq

if TYPE_CHECKING:
    from pathlib import Path

DOMAIN = b"journey"
ORCHESTRATOR, ELEMENTS = "orchestrator", "elements"


class NoKeys(ValueError):
    """An address that needs CURVE keys, and none are there."""


class Keys(NamedTuple):
    """What one process knows: a pair of its own, and the public keys of the orchestrator and of the elements."""

    public: bytes
    secret: bytes
    orchestrator: bytes
    elements: bytes

    def serve(self, socket: "zmq.Socket[bytes]") -> None:
        """Let nobody connect to this socket (before it is bound) but who has a key that the gatekeeper knows."""
        socket.curve_secretkey, socket.curve_publickey = self.secret, self.public
        socket.curve_server = True
        socket.zap_domain = DOMAIN

    def call(self, socket: "zmq.Socket[bytes]", server: bytes) -> None:
        """Let this socket (before it connects) talk to nobody but whoever has that public key's secret."""
        socket.curve_secretkey, socket.curve_publickey = self.secret, self.public
        socket.curve_serverkey = server


def needs_keys(address: str) -> bool:
    """Whether others than this machine's user could reach such an address."""
    return not address.startswith(("ipc://", "inproc://"))


def keys_for(address: str, keys: Keys | None) -> Keys | None:
    """The keys to use there, if any. Raises `NoKeys` where there must be some and are not."""
    if not needs_keys(address):
        return None
    if keys is None:
        raise NoKeys(f"{address}: ZeroMQ over tcp needs CURVE keys (--keys DIRECTORY)")
    return keys


# ---- the files -------------------------------------------------------------------------------------------------


def make_pair(name: str, public: "Path", secret: "Path") -> None:
    """Make a pair of keys, unless the secret one is there: `name.key`, and `name.key_secret` for its owner only."""
    target = secret / f"{name}.key_secret"
    if target.exists():
        return
    public_key, secret_key = zmq.curve_keypair()
    _write(public / f"{name}.key", public_key, 0o644)
    _write(target, secret_key, 0o600)


def _write(path: "Path", key: bytes, mode: int) -> None:
    """At once or not at all: others wait for the file to appear."""
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    draft.rename(path)


def load_keys(name: str, public: "str | Path", secret: "str | Path | None" = None) -> Keys:
    """The keys of the orchestrator or of an element. Raises OSError, or ValueError for a file that holds no key."""
    return Keys(
        _read(public, f"{name}.key"),
        _read(secret or public, f"{name}.key_secret"),
        _read(public, f"{ORCHESTRATOR}.key"),
        _read(public, f"{ELEMENTS}.key"),
    )


def _read(directory: "str | Path", name: str) -> bytes:
    path = os.path.join(directory, name)
    with open(path, "rb") as file:
        key = file.read().strip()
    if len(key) != 40:
        raise ValueError(f"{path} holds no key: 40 characters of Z85 are one")
    return key
