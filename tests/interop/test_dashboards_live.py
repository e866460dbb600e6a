"""A world that runs, a real Prometheus beside it, and every query of every panel of every dashboard."""

import json
import math
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from dashboards.model import Page, Panel, Query
from dashboards.pages import PAGES
from tests.dashboards.promql import all_queries, filled_in
from tests.interop.prometheus import Prometheus
from tests.journey_cli import JOURNEY, journey
from tests.promtool import complaints
from tests.tools import needs

PATIENCE_S = 45
RATE = 40

pytestmark = needs("prometheus")


class Watched(NamedTuple):
    """A world under load, and the Prometheus that watches it."""

    exporter: str
    """`HOST:PORT`"""
    prometheus: Prometheus


def until(true: Callable[[], bool]) -> None:
    """Any of these tests may be the first one in its process, while Prometheus has hardly scraped yet."""
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.5)


def answered_per_s(watched: Watched) -> float:
    found = watched.prometheus.query("sum(rate(journey_client_requests_total[5s]))")
    return float(found[0]["value"][1]) if found else 0.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEY_HOME", str(tmp_path_factory.mktemp("h")))
        yield


@pytest.fixture(scope="module")
def watched(home: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    journey("up", "--detach")
    load = None
    try:
        exporter = urlsplit(json.loads(journey("ps", "--json"))["addresses"]["metrics"]).netloc
        with Prometheus(exporter, tmp_path_factory.mktemp("prometheus")) as prometheus:
            load = subprocess.Popen(
                [*JOURNEY, "load", "--rate", str(RATE), "--duration", "5m", "--json"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            watched = Watched(exporter, prometheus)
            journey("scale", "nginx", "4")
            until(lambda: answered_per_s(watched) > RATE / 2)
            yield watched
    finally:
        if load is not None:
            load.terminate()
            load.wait()
        journey("down")


def tells_something(found: list[dict[str, Any]]) -> bool:
    """Whether there is a number in an answer: Grafana draws nothing where there is NaN."""
    return any(not math.isnan(float(series["value"][1])) for series in found)


def empty(watched: Watched, asked: list[tuple[Page, Panel, Query]]) -> list[tuple[Page, Panel, Query]]:
    """Those of these queries that have no number to show now."""
    return [
        (page, panel, query)
        for page, panel, query in asked
        if not tells_something(watched.prometheus.query(filled_in(query, panel, page)))
    ]


def test_every_panel_of_every_dashboard_has_something_to_show(watched: Watched):
    missing = [each for each in all_queries() if not (each[1].may_be_empty or each[2].may_be_empty)]
    # Of a minute with no new connection CloudWatch says nothing, and a load keeps those that it has: this one is new.
    journey("trace")
    deadline = time.monotonic() + PATIENCE_S
    while (missing := empty(watched, missing)) and time.monotonic() < deadline:
        time.sleep(1)
    assert [f"{page.uid}, {panel.title}: {query.expr}" for page, panel, query in missing] == []


def test_queries_that_may_have_no_answer_are_still_queries(watched: Watched):
    for page, panel, query in all_queries():
        if panel.may_be_empty or query.may_be_empty:
            watched.prometheus.query(filled_in(query, panel, page))


@needs("promtool")
@pytest.mark.parametrize("page", ["/metrics", "/metrics/aws"])
def test_promtool_finds_nothing_wrong_with_what_is_scraped(watched: Watched, page: str):
    with urlopen(f"http://{watched.exporter}{page}", timeout=10) as answer:
        assert complaints(answer.read()) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.variables], ids=lambda page: page.uid)
def test_every_choice_has_values(watched: Watched, page: Page):
    for variable in page.variables:
        until(
            lambda variable=variable: watched.prometheus.label_values(variable.metric, variable.label) != []
        )
        assert watched.prometheus.label_values(variable.metric, variable.label), variable.query


def test_the_load_is_what_the_dashboard_says(watched: Watched):
    assert answered_per_s(watched) == pytest.approx(RATE, rel=0.5)


def test_latencies_have_exemplars_that_lead_to_a_journey(watched: Watched):
    traced = json.loads(journey("trace", "--json"))["journey"]
    deadline = time.monotonic() + 10
    told: set[str] = set()
    while traced not in told and time.monotonic() < deadline:
        series = watched.prometheus.exemplars("journey_alb_target_response_duration_seconds_bucket")
        told = {exemplar["labels"]["trace_id"] for each in series for exemplar in each["exemplars"]}
        time.sleep(0.5)
    assert traced in told


def test_pods_that_are_gone_leave_no_ghosts(watched: Watched):
    journey("scale", "nginx", "2")
    deadline = time.monotonic() + 20
    seen, pods = {""}, set[str]()
    while not (seen == pods and len(pods) == 2) and time.monotonic() < deadline:
        time.sleep(0.2)
        listed = json.loads(journey("ps", "--json"))["elements"]
        pods = {each["name"] for each in listed if each["kind"] == "nginx_pod"}
        seen = {
            series["metric"]["pod"] for series in watched.prometheus.query("journey_pod_inflight_requests")
        }
    assert seen == pods and len(pods) == 2
