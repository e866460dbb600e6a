"""What it costs to find a request's rule among 100, against with one, for paths that nobody has asked for before."""

import time
from itertools import count

from actors.protocols.http1 import Request
from actors.protocols.listener_rules import (
    Condition,
    Facts,
    FixedResponse,
    Forward,
    ListenerRules,
    Rule,
    WeightedGroup,
)
from orchestrator.bench.figures import Figure, in_turn

MANY, FEW = 100, 1
HOST, CLIENT = b"www.example.com", bytes([203, 0, 113, 10])


class Matcher:
    """A listener with one rule for each service, by host and path; all requests are for the last of them."""

    def __init__(self, size: int) -> None:
        self._rules = ListenerRules((_rule(number) for number in range(size)), FixedResponse(404, "", b""))
        self._service = size - 1
        self._requests = count()

    def microseconds(self, requests: int) -> float:
        """Of one request."""
        first = next(self._requests) * requests
        paths = [b"/service-%d/%d" % (self._service, first + number) for number in range(requests)]
        match, head = self._rules.match, Request()
        began = time.perf_counter()
        for path in paths:
            match(Facts(HOST, path, b"", b"GET", CLIENT, head))
        return (time.perf_counter() - began) / requests * 1e6


def _rule(number: int) -> Rule:
    conditions = (
        Condition("host-header", ("*.example.com",)),
        Condition("path-pattern", (f"/service-{number}/*",)),
    )
    return Rule(number + 1, conditions, Forward((WeightedGroup("web"),)))


def measure(requests: int, rounds: int) -> Figure:
    """100 rules may cost twice what one does."""
    many, few = Matcher(MANY), Matcher(FEW)
    value, reference = in_turn(
        rounds, lambda: many.microseconds(requests), lambda: few.microseconds(requests)
    )
    return Figure(
        "match_100_rules",
        f"the rule of a request among {MANY}",
        "us",
        value,
        reference,
        f"with {FEW}",
        2,
        most=True,
    )
