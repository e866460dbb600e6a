"""The exporter's pages, over HTTP: both formats, exemplars, requests that make no sense, and what promtool says."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from actors.runtime.metrics import MetricStore
from orchestrator.metrics import exporter as module
from orchestrator.metrics.exporter import Exporter, application
from tests.orchestrator.metrics.worlds import JOURNEY, default_with
from tests.promtool import complaints
from tests.tools import needs

OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5"}
"""As Prometheus asks."""
RESPONSES = "journey_alb_target_response_duration_seconds"


@pytest.fixture
def exporter() -> Exporter:
    return default_with(3)


@pytest.fixture
async def client(exporter: Exporter) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(application(exporter))) as client:
        yield client


async def test_plain_text_is_for_everybody_and_openmetrics_for_those_who_ask(client):
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "text/plain"}, {"Accept": "nonsense;;;q=x"}):
        answer = await client.get("/metrics", headers=headers)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert list(prometheus_text(await answer.text()))
    answer = await client.get("/metrics", headers=OPENMETRICS)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    text = await answer.text()
    assert text.endswith("# EOF\n") and list(openmetrics(text))


async def test_exemplars_have_the_id_of_the_journey_and_are_in_openmetrics_only(client):
    text = await (await client.get("/metrics", headers=OPENMETRICS)).text()
    [family] = [each for each in openmetrics(text) if each.name == RESPONSES]
    found = [sample for sample in family.samples if sample.exemplar]
    assert {sample.exemplar.labels["trace_id"] for sample in found} == {JOURNEY}
    for sample in found:
        assert 0 < sample.exemplar.value <= float(sample.labels["le"])
    assert "trace_id" not in await (await client.get("/metrics")).text()


async def test_the_pages_have_nothing_in_common(client):
    pages = {}
    for path in ("/metrics", "/metrics/aws"):
        families = prometheus_text(await (await client.get(path)).text())
        pages[path] = {family.name for family in families}
    assert pages["/metrics"].isdisjoint(pages["/metrics/aws"])
    assert all(name.startswith("journey_") for name in pages["/metrics"])
    assert not any(name.startswith("journey_") for name in pages["/metrics/aws"])


async def test_the_aws_page_has_the_names_of_the_real_exporters(client):
    text = await (await client.get("/metrics/aws")).text()
    names = set(re.findall(r"^([a-z_]\w*)", text, re.MULTILINE))
    assert names >= {
        "aws_applicationelb_request_count_sum",
        "aws_applicationelb_target_response_time_average",
        "aws_applicationelb_healthy_host_count_minimum",
        "awscni_total_ip_addresses",
        "awscni_assigned_ip_addresses",
        "awscni_eni_allocated",
        "awscni_eni_max",
        "awscni_ip_max",
        "awscni_no_available_ip_addresses",
        "coredns_dns_requests_total",
        "coredns_dns_request_duration_seconds_bucket",
        "coredns_cache_hits_total",
        "coredns_cache_requests_total",
        "kube_pod_status_phase",
        "kube_pod_info",
        "kube_deployment_status_replicas_available",
        "container_network_receive_bytes_total",
        "kubeproxy_network_programming_duration_seconds_bucket",
        "traces_service_graph_request_total",
        "traces_service_graph_request_server_seconds_bucket",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/metrics?name[]=x", 200),
        ("GET", "/metrics/", 404),
        ("GET", "/metrics/azure", 404),
        ("GET", "/../etc/passwd", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/metrics/aws", 405),
    ],
)
async def test_other_requests(client, method, path, status):
    answer = await client.request(method, path, data=b"x" * 1000 if method == "POST" else None)
    assert answer.status == status


async def test_what_is_no_http_gets_a_400_and_ends_nothing(client):
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 5000):
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(junk)
        writer.write_eof()
        said = await reader.read()
        assert said == b"" or b" 400 " in said.split(b"\r\n")[0]
        writer.close()
    assert (await client.get("/metrics")).status == 200


async def test_a_text_is_made_once_in_half_a_second(monkeypatch):
    made = []
    monkeypatch.setattr(module, "expose", lambda families, exemplars: made.append(exemplars) or b"text")
    exporter = Exporter()
    for now_s in (10.0, 10.4, 10.6):
        assert exporter.page("world", False, now_s) == b"text"
    exporter.page("world", True, 10.7)
    exporter.page("aws", False, 10.7)
    assert made == [False, False, True, False]


def test_what_a_scrape_took_is_on_the_next_page():
    exporter = Exporter()
    exporter.page("world", False, 1.0)
    text = exporter.page("world", False, 2.0).decode()
    [took_s] = re.findall(r"^journey_runtime_export_duration_seconds (\S+)$", text, re.MULTILINE)
    assert 0 < float(took_s) < 1


def test_label_values_may_be_anything():
    exporter, store = Exporter(), MetricStore()
    store.gauge("journey_event_active", event='say "hi"\n', target="a\\b{c}").value = 1
    exporter.ledger.add("orchestrator", store.deltas())
    [family] = [*prometheus_text(exporter.page("world", False, 1.0).decode())]
    assert family.samples[0].labels == {"event": 'say "hi"\n', "target": "a\\b{c}"}


def test_an_elements_own_metric_is_told_without_a_row_in_the_table():
    exporter, store = Exporter(), MetricStore()
    store.counter("journey_firewall_denied_packets_total", rule="3").value = 7
    store.histogram("firewall_seconds", buckets=(1.0,)).observe(0.5)
    exporter.ledger.add("firewall", store.deltas())
    text = exporter.page("world", False, 1.0).decode()
    assert 'journey_firewall_denied_packets_total{rule="3"} 7.0' in text
    assert 'firewall_seconds_bucket{le="1.0"} 1.0' in text


@needs("promtool")
@pytest.mark.parametrize("page", ["world", "aws"])
def test_promtool_finds_nothing_wrong(exporter: Exporter, page: str):
    text = exporter.page(page, False, time.monotonic())
    assert len(text.splitlines()) > 500
    assert complaints(text) == []
