"""The emulator waits as queueing theory says: an open stream through an ALB node to nginx pods, on the virtual clock.

Means of queues settle slowly: 2,000 requests at a load of a half still leave a standard error of some 8 % on the mean
wait, and to choose a seed that comes closer would prove nothing. So each case goes in two steps that do not depend on
luck. First, the whole world against the exact model of its queues (Kiefer and Wolfowitz), both with the same arrivals
and service times: every single request must leave when the model says, to within the few microseconds that the wire
takes. Then the model alone, which costs a microsecond per request and not half a millisecond, against the formula: its
mean wait must be within 3 % of it, and its standard error, by batch means, below 1 %.
"""

from collections import Counter
from itertools import cycle
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import pytest

from tests.journeys.queueing import (
    MEAN_SERVICE_S,
    Queues,
    Served,
    central_queue,
    model_wait,
    wait_e_k_m_1,
    wait_m_m_c,
)

REQUESTS, MODELLED = 2000, 800_000
ROUND_ROBIN = {"load_balancing.algorithm.type": "round_robin"}
AT_RANDOM = {"load_balancing.algorithm.type": "weighted_random"}
LEAST_OUTSTANDING = {"load_balancing.algorithm.type": "least_outstanding_requests"}
WIRE_S = 50e-6
"""Two wires, there and back, and the handshakes of new connections."""


class Case(NamedTuple):
    """Requests per second to so many pods with so many workers each; `every`: one in so many comes to a given pod.

    `at_one` is the rate of the Poisson stream of which every `every`th makes up a pod's arrivals."""

    pods: int
    workers: int
    attributes: dict[str, str]
    rate: float
    at_one: float
    every: int
    formula_s: float


CASES = {
    "M/M/1": Case(1, 1, ROUND_ROBIN, 50, 50, 1, wait_m_m_c(50, 1)),
    "M/M/3, one accept queue": Case(1, 3, ROUND_ROBIN, 180, 180, 1, wait_m_m_c(180, 3)),
    "round robin: E3/M/1 each": Case(3, 1, ROUND_ROBIN, 180, 180, 3, wait_e_k_m_1(180, 3)),
    "at random: M/M/1 each": Case(3, 1, AT_RANDOM, 150, 50, 1, wait_m_m_c(50, 1)),
}


def model_of(queues: Queues, served: list[Served], workers: int) -> tuple[list[float], list[float]]:
    """Moments at which requests left: as measured, and as the model has it. Times that the model has them there."""
    measured, modelled = [], []
    for pod in queues.pods:
        mine = [each for each in served if each.pod == pod]
        arrivals_s = [each.arrived_s for each in mine]
        took_s = central_queue(arrivals_s, queues.services_s(pod), workers)
        # A request on a new connection may be overtaken: in the accept queue it waits for an idle worker, while
        # others queue up at the worker that has their connection. Who is served is another one, when is the same.
        measured += sorted(each.arrived_s + each.took_s for each in mine)
        modelled += sorted(came_s + took for came_s, took in zip(arrivals_s, took_s, strict=True))
    return measured, modelled


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_requests_wait_as_long_as_the_formula_says(tmp_path: Path, case: Case):
    image = {"worker_processes": case.workers}
    if case.workers > 1:  # else connections, and with them requests, would each wait for their own worker
        image["keepalive_requests"] = 1
    queues = Queues(tmp_path, case.pods, case.attributes, **image)
    served = queues.run(case.rate, REQUESTS)
    measured, modelled = model_of(queues, served, case.workers)
    assert len(served) == REQUESTS
    assert max(abs(one - other) for one, other in zip(measured, modelled, strict=True)) < WIRE_S

    model_s, error_s = model_wait(MODELLED, case.at_one, case.workers, case.every, seed=1)
    assert error_s < 0.01 * case.formula_s
    assert model_s == pytest.approx(case.formula_s, rel=0.03)

    services_s = [service_s for pod in queues.pods for service_s in queues.services_s(pod)]
    wait_s = mean(each.took_s for each in served) - mean(services_s)
    error_s = error_s * sqrt(MODELLED / REQUESTS)  # of so few, by that of so many
    assert wait_s == pytest.approx(case.formula_s, abs=3 * error_s)
    assert mean(services_s) == pytest.approx(MEAN_SERVICE_S, abs=3 * stdev(services_s) / sqrt(REQUESTS))


def test_round_robin_gives_each_pod_every_third_request(tmp_path: Path):
    queues = Queues(tmp_path, 3, ROUND_ROBIN)
    served = queues.run(180, 300)
    first = list(queues.pods).index(served[0].pod)
    turns = cycle([*list(queues.pods)[first:], *list(queues.pods)[:first]])
    assert [each.pod for each in served] == [next(turns) for _ in served]


def test_least_outstanding_joins_the_shortest_queue(tmp_path: Path):
    """Seen from outside, by when requests came and left; where something else happened within the wire's time the
    node cannot have known."""
    queues = Queues(tmp_path, 3, LEAST_OUTSTANDING)
    served = queues.run(210, REQUESTS)
    there: list[Served] = []
    told = 0
    for request in served:
        came_s = request.arrived_s
        there = [each for each in there if each.arrived_s + each.took_s > came_s - WIRE_S]
        unsure = any(each.arrived_s + each.took_s < came_s + WIRE_S for each in there)
        unsure = unsure or bool(there and there[-1].arrived_s > came_s - WIRE_S)
        if not unsure:
            told += 1
            counts = Counter(each.pod for each in there)
            assert counts[request.pod] == min(counts[pod] for pod in queues.pods)
        there.append(request)
    assert told > 0.9 * REQUESTS


def test_the_shorter_the_queue_that_is_joined_the_shorter_the_wait(tmp_path: Path):
    """The same stream of requests under each algorithm; no algorithm can do better than one queue for all."""

    def wait_s(name: str, attributes: dict[str, str]) -> float:
        served = Queues(tmp_path / name, 3, attributes).run(210, REQUESTS)
        return mean(each.took_s for each in served) - MEAN_SERVICE_S

    least, turns = wait_s("least", LEAST_OUTSTANDING), wait_s("turns", ROUND_ROBIN)
    chance = wait_s("chance", AT_RANDOM)
    assert wait_m_m_c(210, 3) < least < turns / 1.5 < chance / 1.5
