"""Resource quantities such as `250m` or `1.5Gi` (k8s.io/apimachinery: pkg/api/resource/quantity.go).

A quantity is a decimal number with a suffix: binary (Ki ... Ei), decimal (n, u, m, k ... E), or an exponent. Its
canonical form keeps the kind of suffix, has no fraction, and the largest suffix that allows that: `1.5Gi` is `1536Mi`.
"""

import re
from decimal import ROUND_UP, Context, Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple

MALFORMED = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
"""The API's text for what is no quantity."""
SUFFIX = "unable to parse quantity's suffix"

_PARTS = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,3})")
_NANO = Decimal("1e-9")
_MOST = Decimal(2**63 - 1)
_EXACT = Context(prec=400)
_SUFFIX_OF = {power: suffix for suffix, power in _DECIMAL.items()}


class Quantity(NamedTuple):
    """An exact amount, and the kind of suffix that it was written with: `BinarySI`, `DecimalSI`, `DecimalExponent`."""

    value: Decimal
    format: str

    @property
    def milli(self) -> int:
        """In thousandths, rounded up: how the scheduler counts CPU."""
        return int((self.value * 1000).to_integral_value(ROUND_UP))

    @property
    def whole(self) -> int:
        """In units, rounded up: how the scheduler counts everything else."""
        return int(self.value.to_integral_value(ROUND_UP))

    def __str__(self) -> str:
        return _canonical(self.value, self.format)


@lru_cache(1024)
def parse(text: str | int | float) -> Quantity:
    """Read a quantity. Raises ValueError with the API's text."""
    text = str(text)
    match = _PARTS.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise ValueError(MALFORMED)
    sign, whole, fraction, suffix = match[1], match[2], match[3] or "", match[4]
    with localcontext(_EXACT):
        number = Decimal(f"{sign}{whole or '0'}.{fraction or '0'}")
        if suffix in _BINARY:
            return Quantity(_bounded(number * 1024 ** _BINARY[suffix]), "BinarySI")
        if suffix in _DECIMAL:
            return Quantity(_bounded(number.scaleb(_DECIMAL[suffix])), "DecimalSI")
        exponent = _EXPONENT.fullmatch(suffix)
        if exponent is None:
            raise ValueError(SUFFIX)
        return Quantity(_bounded(number.scaleb(int(exponent[1]))), "DecimalExponent")


def _bounded(value: Decimal) -> Decimal:
    """Nothing finer than nano (rounded away from zero), nothing beyond 64 bits: as the API stores it."""
    value = max(-_MOST, min(_MOST, value))
    fine = value.quantize(_NANO, ROUND_UP)
    return fine.normalize()


def canonical(text: str | int | float) -> str:
    """The same amount as the API writes it: `0.5` is `500m`, `1024Ki` is `1Mi`. Raises ValueError."""
    return str(parse(text))


def compare(one: str | int | float, other: str | int | float) -> int:
    """-1, 0 or 1."""
    first, second = parse(one).value, parse(other).value
    return (first > second) - (first < second)


def _canonical(value: Decimal, format: str) -> str:
    with localcontext(_EXACT):
        if value == 0:
            return "0"
        if format == "BinarySI" and abs(value) >= 1024 and value == value.to_integral_value():
            return _binary(int(value))
        return _decimal(value, "e" if format == "DecimalExponent" else "")


def _binary(value: int) -> str:
    power, suffix = 0, ""
    for name in _BINARY:
        if value % 1024 ** (power + 1):
            break
        power, suffix = power + 1, name
    return f"{value // 1024**power}{suffix}"


def _decimal(value: Decimal, exponent: str) -> str:
    power = -9
    while power < 18 and (scaled := value.scaleb(-(power + 3))) == scaled.to_integral_value():
        power += 3
    digits = int(value.scaleb(-power))
    if exponent:
        return f"{digits}e{power}" if power else str(digits)
    return f"{digits}{_SUFFIX_OF[power]}"
