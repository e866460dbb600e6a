"""Metrics under the names that real exporters give them; they are on the page `/metrics/aws`.

Those of CloudWatch are in `cloudwatch.py`, those that only have another name here in `orchestrator/metrics/renamed.py`.
"""

from actors.bounds import POD_START_S
from orchestrator.metrics.names.model import Metric, counter, gauge, histogram, summary

_NODE = ("node",)


def _counter(name: str, text: str, *labels: str, added: tuple[str, ...] = ()) -> Metric:
    return counter(name, text, *labels, added=added, page="aws")


def _gauge(name: str, text: str, *labels: str, added: tuple[str, ...] = ()) -> Metric:
    return gauge(name, text, *labels, added=added, page="aws")


AWS: tuple[Metric, ...] = (
    _gauge("awscni_total_ip_addresses", "Addresses in the pool.", added=_NODE),
    _gauge("awscni_assigned_ip_addresses", "Addresses that pods have.", added=_NODE),
    _gauge("awscni_total_ipv4_prefixes", "Prefixes in the pool.", added=_NODE),
    _gauge("awscni_eni_allocated", "Interfaces on the node.", added=_NODE),
    _gauge("awscni_eni_max", "Interfaces that the instance type allows.", added=_NODE),
    _gauge("awscni_ip_max", "Addresses that the instance type allows.", added=_NODE),
    _gauge("awscni_assigned_ip_per_eni", "Addresses of an interface that pods have.", "eni", added=_NODE),
    _gauge("awscni_assigned_ip_per_cidr", "Addresses of a prefix that pods have.", "cidr", added=_NODE),
    _gauge("awscni_ipamd_action_inprogress", "What ipamd is at.", "fn", added=_NODE),
    histogram("awscni_ipamd_node_initialization_duration_seconds", "How long ipamd took to know its node.", "success",
              added=_NODE, page="aws"),
    summary("awscni_aws_api_latency_ms", "Calls of EC2 and of the instance's metadata, in milliseconds.", "api",
            "error", "status", added=_NODE, page="aws"),
    _counter("awscni_no_available_ip_addresses", "Pods that found the pool empty.", added=_NODE),
    _counter("awscni_add_ip_req_count", "CNI ADDs.", added=_NODE),
    _counter("awscni_del_ip_req_count", "CNI DELs.", "reason", added=_NODE),
    _counter("awscni_force_removed_enis", "Interfaces removed while in use.", added=_NODE),
    _counter("awscni_force_removed_ips", "Addresses removed while in use.", added=_NODE),
    _counter("awscni_reconcile_count", "Reconciles.", "fn", added=_NODE),
    _counter("awscni_ipamd_error_count", "Errors of ipamd.", "fn", added=_NODE),
    _counter("awscni_ec2api_req_count", "Calls of the EC2 API.", "fn", added=_NODE),
    _counter("awscni_ec2api_error_count", "Calls of the EC2 API that failed.", "fn", added=_NODE),
)  # fmt: skip

_HISTOGRAMS: tuple[Metric, ...] = (
    histogram("aws_api_call_duration_seconds", "Calls of the AWS Load Balancer Controller.", "service", "operation",
              page="aws"),
    histogram("awslbc_controller_reconcile_stage_duration", "Stages of its reconciles, in seconds.", "controller",
              "reconcile_stage", page="aws"),
    histogram("awslbc_readiness_gate_ready_seconds", "From a pod's creation to its open readiness gate.", "namespace",
              page="aws", buckets=POD_START_S),
)  # fmt: skip

CONTROL: tuple[Metric, ...] = (
    *_HISTOGRAMS,
    _counter("awscni_aws_api_error_count", "Calls of AWS that failed.", "api", "error", added=_NODE),
    _counter("aws_api_calls_total", "Calls of the AWS Load Balancer Controller.", "service", "operation",
             "status_code", "error_code"),
    _counter("awslbc_controller_reconcile_errors_total", "Reconciles that failed.", "controller", "error_category"),
    _counter("apiserver_request_total", "Requests to the API server.", "verb", "resource", "subresource", "code"),
    _counter("apiserver_admission_webhook_request_total", "Calls of admission webhooks.", "name", "type", "outcome"),
    _gauge("apiserver_longrunning_requests", "Open watches.", "verb", "resource"),
    _gauge("apiserver_storage_objects", "Objects in the store.", "resource"),
    _gauge("kube_pod_info", "A pod: where it runs and who made it.", "namespace", "pod", "node", "pod_ip",
           "created_by_name"),
    _gauge("kube_pod_status_phase", "A pod's phase: 1 for the one that it is in.", "namespace", "pod", "phase"),
    _gauge("kube_pod_status_ready", "Whether a pod is ready.", "namespace", "pod", "condition"),
    _gauge("kube_deployment_spec_replicas", "Pods that a deployment wants.", "namespace", "deployment"),
    _gauge("kube_deployment_status_replicas", "Pods that it has.", "namespace", "deployment"),
    _gauge("kube_deployment_status_replicas_available", "Pods of it that are available.", "namespace", "deployment"),
    _gauge("kube_deployment_status_replicas_ready", "Pods of it that are ready.", "namespace", "deployment"),
    _counter("container_network_receive_bytes_total", "Bytes that a pod received.", "pod", "interface"),
    _counter("container_network_transmit_bytes_total", "Bytes that a pod sent.", "pod", "interface"),
    histogram("kubeproxy_network_programming_duration_seconds", "From an EndpointSlice's change to kube-proxy's "
              "rules.", page="aws"),
)  # fmt: skip
