"""The cookies with which an ALB's clients come back to the same target, or to the same target group.

Their content is sealed: nobody but the load balancer's nodes can read or forge it, and every node of the load
balancer can, because the key is made of the load balancer's ARN and of nothing that a node would have to remember.
A sealed text is a nonce, the content under a key stream (HMAC-SHA256 in counter mode), and an HMAC over both; all of
the same length, as AWS's are. Source of names and attributes: ALB user guide, "Sticky sessions".
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from random import Random
from typing import NamedTuple

from actors.protocols.balancing import TargetId
from actors.protocols.http1 import http_date

EXPIRES_S = 7 * 24 * 3600
"""All of them expire after 7 days, whatever the stickiness duration is, and are set anew by each response."""
_NONCE, _CONTENT, _TAG = 16, 64, 16


class Held(NamedTuple):
    """What a cookie holds: a target group, a target in it (or none), and when that was said (seconds since 1970)."""

    target_group: str
    target: TargetId | None
    unix_s: int


class Seal:
    """Seals and opens the cookies of one load balancer."""

    def __init__(self, load_balancer: str) -> None:
        self._key = hashlib.sha256(b"stickiness of " + load_balancer.encode()).digest()

    def close(self, target_group: str, target: TargetId | None, unix_s: int, dice: Random) -> bytes:
        """The value of a cookie."""
        nonce = dice.randbytes(_NONCE)
        address, port = (bytes(4), 0) if target is None else target
        content = _digest(target_group) + unix_s.to_bytes(8) + address + port.to_bytes(2)
        sealed = self._stream(nonce, content.ljust(_CONTENT, b"\0"))
        return b64encode(nonce + sealed + self._tag(nonce + sealed))

    def open(self, value: bytes, target_groups: Iterable[str]) -> Held | None:
        """What a cookie says about one of these groups; None if it is not ours, or is about another group."""
        try:
            data = b64decode(value, validate=True)
        except ValueError:
            return None
        sealed, tag = data[:-_TAG], data[-_TAG:]
        if len(data) != _NONCE + _CONTENT + _TAG or not hmac.compare_digest(tag, self._tag(sealed)):
            return None
        content = self._stream(sealed[:_NONCE], sealed[_NONCE:])
        group = next((each for each in target_groups if _digest(each) == content[:16]), None)
        if group is None:
            return None
        port = int.from_bytes(content[28:30])
        target = TargetId(content[24:28], port) if port else None
        return Held(group, target, int.from_bytes(content[16:24]))

    def _stream(self, nonce: bytes, content: bytes) -> bytes:
        key = b"".join(
            hmac.digest(self._key, nonce + bytes([block]), "sha256") for block in range(_CONTENT // 32)
        )
        return bytes(left ^ right for left, right in zip(content, key, strict=True))

    def _tag(self, data: bytes) -> bytes:
        return hmac.digest(self._key, b"tag" + data, "sha256")[:_TAG]


def _digest(target_group: str) -> bytes:
    return hashlib.sha256(target_group.encode()).digest()[:16]


def cookies(lines: Iterable[bytes]) -> dict[bytes, bytes]:
    """The cookies that a request brings, by name; the first of each name counts. `lines` are its header lines."""
    found: dict[bytes, bytes] = {}
    for line in lines:
        if line[:7].lower() != b"cookie:":
            continue
        for pair in line[7:].split(b";"):
            name, equals, value = pair.strip().partition(b"=")
            if equals:
                found.setdefault(name, value)
    return found


def sets_cookie(lines: Iterable[bytes], name: bytes) -> bool:
    """Whether a response, by its header lines, sets a cookie of this name."""
    return any(
        line[:11].lower() == b"set-cookie:" and line[11:].partition(b"=")[0].strip() == name for line in lines
    )


def set_cookie(name: bytes, value: bytes, unix_s: int, *, cross_origin: bool = False) -> bytes:
    """A `Set-Cookie` line. The variant for cross-origin requests is the one that browsers send with those."""
    expires = http_date(unix_s + EXPIRES_S).encode()
    more = b"; SameSite=None; Secure" if cross_origin else b""
    return b"Set-Cookie: %b=%b; Expires=%b; Path=/%b\r\n" % (name, value, expires, more)
