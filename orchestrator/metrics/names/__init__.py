"""Every metric by its name: the one table that the exporter, the documentation and the tests read."""

from dataclasses import replace

from orchestrator.metrics.names.aws import AWS, CONTROL
from orchestrator.metrics.names.clients import CLIENTS
from orchestrator.metrics.names.cluster import CLUSTER
from orchestrator.metrics.names.load_balancer import LOAD_BALANCER
from orchestrator.metrics.names.model import Metric
from orchestrator.metrics.names.network import NETWORK
from orchestrator.metrics.names.runtime import RUNTIME

_SECTIONS = {
    "Clients and their home": CLIENTS,
    "Hops, links, hosts and DNS": NETWORK,
    "Load balancers": LOAD_BALANCER,
    "Nodes, pods and Kubernetes": CLUSTER,
    "The run and the emulator": RUNTIME,
    "Amazon's CNI": AWS,
    "Kubernetes and its controllers": CONTROL,
}

MISSING = {
    "journey_runtime_ui_frames_dropped_total": "there is no live page yet that frames could be dropped for",
}
"""Metrics that one would look for, and why they are not told."""

METRICS: dict[str, Metric] = {
    metric.name: replace(metric, section=section)
    for section, metrics in _SECTIONS.items()
    for metric in metrics
}
