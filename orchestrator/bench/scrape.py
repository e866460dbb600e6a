"""A scrape of a world with 500 pods: the exporter's process, fed as such a world feeds it, asked over HTTP.

What elements pay for being scraped is nothing: they report each second whether somebody asks or not, and the exporter
is a process of its own. So the figure is what Prometheus waits for.
"""

import asyncio
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from actors.runtime.metrics import MetricStore
from orchestrator.bench.figures import Figure
from orchestrator.metrics.feed import Feed
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.merging import Who

PODS = 500
BALANCERS = ("alb-1a", "alb-1b")
PAUSE_S = 0.7
"""Longer than the exporter keeps a text."""

START_S = 15.0


def deltas_of_a_pod(name: str) -> dict[str, list[Any]]:
    """What an nginx pod reports that has answered something in the last second."""
    store = MetricStore()
    for code_class in ("2xx", "3xx", "4xx", "5xx"):
        store.counter("journey_pod_requests_total", pod=name, code_class=code_class).value = 9
    store.counter("journey_pod_rejected_connections_total", pod=name)
    store.gauge("journey_pod_inflight_requests", pod=name).value = 1
    store.gauge("journey_pod_accept_queue", pod=name)
    store.histogram("journey_pod_request_duration_seconds", deployment="nginx").observe(0.004)
    store.histogram("journey_runtime_loop_lag_seconds").observe(0.0004)
    for kind in ("queueing", "processing", "propagation"):
        store.histogram("journey_hop_duration_seconds", kind=kind).observe(0.002)
    store.counter("container_network_transmit_bytes_total", pod=name, interface="eth0").value = 9000
    for number in range(9):
        store.counter(f"journey_tcp_{number}_total").value = number
    return store.deltas()


def deltas_of_a_balancer(pods: int) -> dict[str, list[Any]]:
    """What an ALB node reports with so many targets."""
    store, group = MetricStore(), "k8s-default-nginx-515c80afb5"
    for number in range(pods):
        labels = {"target_group": group, "target": f"10.0.{number // 250}.{number % 250}:80"}
        store.counter("journey_alb_target_requests_total", **labels).value = number
        store.gauge("journey_alb_target_outstanding_requests", **labels).value = 2
    store.histogram("journey_alb_target_response_duration_seconds", target_group=group).observe(0.01)
    labels = {"load_balancer": "app/k8s-default-nginx-1/0123456789abcdef", "availability_zone": "eu-west-1a"}
    store.gauge("journey_alb_node_info", **labels).value = 1
    return store.deltas()


def deltas_of_the_cluster(pods: list[str]) -> dict[str, list[Any]]:
    """What the API server reports of so many pods; it is on the other page, but the exporter has to look through it."""
    store = MetricStore()
    for pod in pods:
        store.gauge(
            "kube_pod_info", namespace="default", pod=pod, node="node-1", pod_ip=pod, created_by_name="nginx"
        )
        for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
            store.gauge("kube_pod_status_phase", namespace="default", pod=pod, phase=phase)
        for condition in ("true", "false"):
            store.gauge("kube_pod_status_ready", namespace="default", pod=pod, condition=condition)
    return store.deltas()


def measure(rounds: int = 5) -> Figure:
    """Scrape it a few times; the median."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="journey-") as name:
        directory = Path(name)
        (directory / "logs").mkdir()
        ledger, known = Ledger(), {}
        pods = [f"nginx-65cbbfc68c-{number:05d}" for number in range(PODS)]
        for pod in pods:
            known[pod] = Who(pod, "nginx_pod", "pod", launched=True)
            ledger.add(pod, deltas_of_a_pod(pod))
        known["kube-api"] = Who("kube-api", "kube_api", "control")
        ledger.add("kube-api", deltas_of_the_cluster(pods))
        for balancer in BALANCERS:
            known[balancer] = Who(balancer, "alb", "alb")
            ledger.add(balancer, deltas_of_a_balancer(PODS))
        feed = Feed(directory, ledger, known)
        url = await feed.start("127.0.0.1:0")
        try:
            await asyncio.to_thread(_scrape, url)
            took_s = []
            for _ in range(rounds):
                for pod in pods:
                    feed.deltas(
                        pod, {"counters": [], "gauges": [("journey_pod_accept_queue", {"pod": pod}, 1)]}
                    )
                await asyncio.sleep(PAUSE_S)
                took_s.append(await asyncio.to_thread(_scrape, url))
        finally:
            await feed.stop()
    middle_s = sorted(took_s)[len(took_s) // 2]
    return Figure("metrics_scrape_500_pods_s", "scrape of 500 pods", "s", middle_s, None, "", 0.15, most=True)


def _scrape(url: str) -> float:
    began_s = time.perf_counter()
    with urllib.request.urlopen(url, timeout=START_S) as response:
        text = response.read()
    took_s = time.perf_counter() - began_s
    assert text.count(b"\njourney_pod_requests_total{") == 4 * PODS, "the exporter has not read its feed yet"
    return took_s
