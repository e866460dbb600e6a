"""The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

A ones' complement sum of 16-bit words is the whole read as one number modulo 0xFFFF, which CPython's long
division does fifty times faster than a loop over words. The one trap: 0 and 0xFFFF are the same remainder, and only
a sum of nothing but zeros is a true 0.
"""

_WORD = 0xFFFF


def word_sum(data: bytes | memoryview) -> int:
    """All of data as big-endian 16-bit words, added modulo 0xFFFF; an odd last byte is padded with a zero."""
    number = int.from_bytes(data)
    return (number << 8 if len(data) & 1 else number) % _WORD


def checksum(data: bytes | memoryview) -> int:
    """The checksum to write over data whose own checksum field is zero.

    Over data with its checksum in place it is 0 exactly when that is right."""
    total = word_sum(data)
    if total == 0:
        return 0 if any(data) else _WORD
    return _WORD - total


def pseudo_sum(source: bytes, destination: bytes, protocol: int, length: int) -> int:
    """The sum of the pseudo header that TCP and UDP checksums cover (RFC 9293 section 3.1)."""
    return int.from_bytes(source) + int.from_bytes(destination) + protocol + length


def transport_checksum(source: bytes, destination: bytes, protocol: int, data: bytes | memoryview) -> int:
    """The TCP or UDP checksum of data (its own field zero, or in place: then 0 means right)."""
    total = (pseudo_sum(source, destination, protocol, len(data)) + word_sum(data)) % _WORD
    return _WORD - total if total else 0


def adjust(old_checksum: int, difference: int) -> int:
    """The checksum after words changed (RFC 1624 eqn. 3).

    `difference` is the sum of the new words minus that of the old ones, modulo 0xFFFF or not. Like the RFC's own
    formula it takes what has become nothing but zeros for 0xFFFF, whose checksum is 0."""
    if difference == 0:
        return old_checksum
    total = (_WORD - old_checksum + difference) % _WORD
    return _WORD - total if total else 0
