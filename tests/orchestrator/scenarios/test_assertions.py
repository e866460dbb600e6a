"""What assertions decide, from looks at facts."""

import pytest

from orchestrator.scenarios.assertions import Watched, parse_claim
from orchestrator.scenarios.facts import FACTS, fact_of

S = 1_000_000_000


class Looks:
    """Facts with values that a test gives."""

    def __init__(self, **values: float | None) -> None:
        self.values = {name.replace("_", ".", 1): value for name, value in values.items()}

    def value(self, fact):
        return self.values.get(fact.text)


def looked(mood, claim, values, *, after=0, within=None):
    watched = Watched(mood, parse_claim(claim), after, within)
    for at_s, value in enumerate(values):
        watched.look(float(at_s), Looks(pods_ready=value, pods=9))
    row = watched.row()
    return row["ok"], row["at_s"]


@pytest.mark.parametrize(
    ("mood", "values", "options", "outcome"),
    [
        ("never", [3, 3, 3], {}, (True, None)),
        ("never", [3, 1, 3], {}, (False, 1.0)),
        ("never", [1, 3, 3], {"after": S}, (True, None)),
        ("always", [1, 1, 1], {}, (True, None)),
        ("always", [1, 1, 3], {}, (False, 2.0)),
        ("always", [1, 1, 3], {"within": S}, (True, None)),
        ("eventually", [3, 3, 1, 3], {}, (True, 2.0)),
        ("eventually", [3, 3, 3, 1], {"within": 2 * S}, (False, None)),
        ("eventually", [3, 3, 3, 1], {"after": S, "within": 2 * S}, (True, 3.0)),
        ("always", [None, 1, None], {}, (True, None)),
        ("always", [None, None], {}, (False, None)),
        ("never", [], {}, (False, None)),
    ],
)
def test_moods(mood, values, options, outcome):
    assert looked(mood, "pods.ready < 2", values, **options) == outcome


def test_two_facts_are_compared():
    assert looked("always", "pods.ready < pods", [1, 8]) == (True, None)
    assert looked("always", "pods.ready < pods", [1, 9]) == (False, 1.0)


@pytest.mark.parametrize("text", [*FACTS, "deployment[nginx].ready", "cni[node-1].warm"])
def test_every_fact_is_known_by_its_name(text):
    assert fact_of(text).text == text


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("alb.target.healthy", "did you mean 'alb.targets.healthy'"),
        ("alb[x].targets", "leave out \\[x\\]"),
        ("", "there is no ''"),
    ],
)
def test_unknown_facts(text, what):
    with pytest.raises(ValueError, match=what):
        fact_of(text)


@pytest.mark.parametrize("text", ["pods.ready", "pods.ready < many", "pods.ready << 3", 3])
def test_claims_that_are_none(text):
    with pytest.raises(ValueError):
        parse_claim(text)
