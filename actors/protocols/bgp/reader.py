"""Takes fields off the front of bytes, and says so when there are too few."""

from actors.protocols.bgp.errors import BgpError
from actors.wire.addresses import Prefix


class Reader:
    """A cursor over bytes. `fail` is the error that is raised, with the place in its words, when they run out."""

    __slots__ = ("_at", "_code", "_data", "_subcode", "_what")

    def __init__(self, data: bytes, what: str, code: int, subcode: int) -> None:
        self._data, self._at = data, 0
        self._what, self._code, self._subcode = what, code, subcode

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes; raises BgpError when there are fewer."""
        if count > self.left:
            raise self.error(f"{count} bytes announced, {self.left} left")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def rest(self) -> bytes:
        return self.take(self.left)

    def error(self, why: str) -> BgpError:
        return BgpError(self._code, self._subcode, f"{self._what}: {why}")

    def prefix(self) -> Prefix:
        """One prefix of NLRI (RFC 4271 section 4.3): bits beyond its length are irrelevant, and zeroed here."""
        length = self.number(1)
        if length > 32:
            raise self.error(f"a prefix of {length} bits")
        octets = self.take((length + 7) // 8)
        network = int.from_bytes(octets.ljust(4, b"\0"))
        return Prefix(network & Prefix(0, length).mask, length)

    def prefixes(self) -> tuple[Prefix, ...]:
        """All that is left, as prefixes."""
        found = []
        while self:
            found.append(self.prefix())
        return tuple(found)


def encode_prefix(prefix: Prefix) -> bytes:
    octets = (prefix.length + 7) // 8
    return bytes((prefix.length,)) + prefix.network.to_bytes(4)[:octets]
