"""Each parser takes a few hundred mutants here, and 100,000 in `make fuzz`; and no parser is missing."""

import pytest

from tests.fuzz.finding import parsers_there_are
from tests.fuzz.fuzzing import fuzz
from tests.fuzz.parsers import ELSEWHERE, NONE_AT_ALL, PARSERS

INPUTS = 300


@pytest.mark.parametrize("name", PARSERS)
def test_no_mutant_does_worse_than_to_be_refused(name: str):
    outcome = fuzz(PARSERS[name], INPUTS, seed=7)
    assert not outcome.findings
    assert outcome.accepted + outcome.refused == INPUTS
    assert outcome.accepted, "not one mutant in 300 is taken: its samples or its `mend` are too far off"


def test_no_parser_is_missing():
    forgotten = parsers_there_are() - set(PARSERS) - set(ELSEWHERE) - set(NONE_AT_ALL)
    assert not forgotten, "add these to tests/fuzz: to PARSERS, or to those lists that say why not"


def test_nothing_is_listed_that_is_not_there():
    assert not {*ELSEWHERE, *NONE_AT_ALL} - parsers_there_are()
    assert not set(ELSEWHERE.values()) - set(PARSERS)


def test_equal_seeds_give_equal_runs():
    name = "wire.dhcp.decode"
    once, again, other = (fuzz(PARSERS[name], 200, seed) for seed in (1, 1, 2))
    assert once[:3] == again[:3] != other[:3]
