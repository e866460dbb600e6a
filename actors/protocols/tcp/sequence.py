"""Sequence number arithmetic: 32-bit numbers on a circle (RFC 9293 section 3.4).

Hot paths write `(a - b) & MASK` themselves; it is the distance from b forward to a."""

MASK = 0xFFFFFFFF
HALF = 0x80000000


def distance(later: int, earlier: int) -> int:
    """How far `later` lies ahead of `earlier`; negative when it lies behind. Right for less than half the circle."""
    ahead = (later - earlier) & MASK
    return ahead if ahead < HALF else ahead - MASK - 1


def after(one: int, other: int) -> bool:
    """Whether `one` comes later than `other`."""
    return 0 < (one - other) & MASK < HALF
