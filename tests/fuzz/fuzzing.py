"""Gives a parser its mutants and sorts what comes of them."""

from itertools import islice
from random import Random
from time import perf_counter

from tests.fuzz.mutations import mutants
from tests.fuzz.parser import Outcome, Parser

_MOST_FINDINGS = 5


def fuzz(parser: Parser, inputs: int, seed: int) -> Outcome:
    """Equal seeds give equal inputs. The samples themselves must be taken."""
    dice = Random(f"{parser.name} {seed}")
    samples = parser.samples(dice)
    for sample in samples:
        parser.parse(sample)
    accepted = refused = 0
    findings: list[tuple[bytes, str]] = []
    began = perf_counter()
    for data in islice(mutants(dice, samples), inputs):
        if parser.mend is not None and dice.randrange(8):
            data = parser.mend(data)
        try:
            parser.parse(data)
            accepted += 1
        except parser.refusals:
            refused += 1
        except Exception as error:
            findings.append((data, f"{type(error).__name__}: {error}"))
            if len(findings) >= _MOST_FINDINGS:
                break
    return Outcome(parser.name, accepted, refused, perf_counter() - began, tuple(findings))
