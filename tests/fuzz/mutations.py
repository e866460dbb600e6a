"""Inputs that are nearly right: bits flipped, ends cut off, lengths that lie, pieces of one sample in another."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

_TELLING = (0, 1, 2, 4, 0x0F, 0x20, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)
_LONGEST = 20_000


def flip_bit(dice: Random, data: bytearray, _: Sequence[bytes]) -> None:
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def set_byte(dice: Random, data: bytearray, _: Sequence[bytes]) -> None:
    data[dice.randrange(len(data))] = dice.choice(_TELLING)


def truncate(dice: Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[dice.randrange(len(data)) :]


def edit_length(dice: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A field of 1, 2 or 4 bytes gets another number: a neighbour, the rest of the input, nothing, or the most."""
    size = dice.choice((1, 1, 2, 2, 4))
    at = dice.randrange(len(data))
    field = data[at : at + size]
    most = (1 << 8 * len(field)) - 1
    value = int.from_bytes(field)
    rest = len(data) - at - len(field)
    new = dice.choice((value - 1, value + 1, value * 2, rest, rest - 1, rest + 1, 0, most, most - 1))
    data[at : at + size] = (new & most).to_bytes(len(field))


def splice(dice: Random, data: bytearray, samples: Sequence[bytes]) -> None:
    """A piece of another sample, over or between what is there."""
    other = dice.choice(samples)
    start = dice.randrange(len(other) + 1)
    piece = other[start : start + dice.randrange(1, 64)]
    at = dice.randrange(len(data) + 1)
    data[at : at + dice.choice((0, len(piece)))] = piece


def cross(dice: Random, data: bytearray, samples: Sequence[bytes]) -> None:
    """The beginning of this one, the end of another."""
    other = dice.choice(samples)
    at = dice.randrange(len(data) + 1)
    data[at:] = other[min(at, len(other)) :]


def repeat(dice: Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = dice.randrange(len(data))
    piece = data[start : start + dice.randrange(1, 40)]
    if len(data) < _LONGEST:
        data[start:start] = piece * dice.choice((1, 2, 20))


def remove(dice: Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = dice.randrange(len(data))
    del data[start : start + dice.randrange(1, 20)]


def insert(dice: Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = dice.randrange(len(data) + 1)
    data[at:at] = dice.randbytes(dice.randrange(1, 9))


def nest(dice: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """One byte so often that what it opens is never closed: `[` in JSON, a pointer to itself in DNS."""
    at = dice.randrange(len(data))
    if dice.randrange(20) == 0 and len(data) < _LONGEST:
        data[at:at] = bytes((dice.choice((data[at], 0x5B, 0x7B)),)) * dice.randrange(100, 3_000)


Mutation = Callable[[Random, bytearray, Sequence[bytes]], None]
MUTATIONS: tuple[Mutation, ...] = (
    flip_bit, flip_bit, set_byte, set_byte, truncate, edit_length, edit_length, edit_length, splice, cross, repeat,
    remove, insert, nest,
)  # fmt: skip
_HOW_MANY = (1, 1, 1, 2, 2, 3, 5)


def mutants(dice: Random, samples: Sequence[bytes]) -> Iterator[bytes]:
    """Endlessly many; one in fifty has nothing of a sample at all."""
    while True:
        if dice.randrange(50) == 0:
            yield dice.randbytes(dice.randrange(80))
            continue
        data = bytearray(dice.choice(samples))
        for _ in range(dice.choice(_HOW_MANY)):
            if not data:
                break
            dice.choice(MUTATIONS)(dice, data, samples)
        yield bytes(data)
