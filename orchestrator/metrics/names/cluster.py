"""Metrics of nodes, addresses, pods and the Kubernetes control plane."""

from actors.bounds import POD_START_S
from orchestrator.metrics.names.model import Metric, counter, gauge, histogram

CLUSTER: tuple[Metric, ...] = (
    gauge("journey_cni_ip_addresses", "A node's pool of addresses: assigned, warm or in cooldown.", "node", "state"),
    gauge("journey_cni_ip_limit", "Addresses that a node's type allows for pods.", "node"),
    gauge("journey_cni_enis", "Network interfaces that ipamd has on a node.", "node"),
    gauge("journey_cni_subnet_free_addresses", "Addresses that a subnet has left.", "subnet"),
    histogram("journey_cni_assign_duration_seconds", "From CNI ADD to the pod's address: from the warm pool, or by "
              "attaching an interface first.", "path"),
    counter("journey_cni_assign_failures_total", "CNI ADDs that failed, by why.", "reason"),
    counter("journey_cni_repair_failures_total", "Times that a node's wiring could not be repaired."),
    gauge("journey_node_conntrack_entries", "Connections that a node's kernel tracks.", "node"),
    gauge("journey_node_conntrack_limit", "Connections that a node's kernel can track.", "node"),
    counter("journey_pod_requests_total", "Requests that a pod's nginx, or its app, answered.", "pod", "code_class"),
    histogram("journey_pod_request_duration_seconds", "From the request's arrival in nginx, or the app, to its answer.",
              "deployment"),
    gauge("journey_pod_inflight_requests", "Requests that a pod is at.", "pod"),
    gauge("journey_pod_accept_queue", "Connections that wait to be accepted.", "pod"),
    counter("journey_pod_rejected_connections_total", "Connections that nginx closed for want of "
            "worker_connections.", "pod"),
    gauge("journey_kube_replicas", "Pods of a deployment: desired, current, ready, available, terminating.",
          "deployment", "state"),
    histogram("journey_kube_pod_start_duration_seconds", "Time to each stage of a pod's start: schedule, ip, pull, "
              "start, ready, target_healthy.", "phase", buckets=POD_START_S),
    histogram("journey_kube_endpoint_propagation_seconds", "From a change of an EndpointSlice to its effect.",
              "consumer"),
    gauge("journey_kube_workqueue_items", "Keys that wait for a controller.", "controller"),
    histogram("journey_kube_reconcile_duration_seconds", "How long a controller took for one key.", "controller"),
    counter("journey_kube_workqueue_retries_total", "Keys that were queued again after a failure.", "controller"),
    counter("journey_kube_events_dropped_total", "Events that could not be written.", "component"),
    gauge("journey_kube_scheduler_pending_pods", "Pods that no node has room for yet."),
    counter("journey_kube_scheduler_attempts_total", "Attempts to schedule a pod.", "result"),
    counter("journey_kubelet_started_pods_total", "Pods whose sandbox a kubelet has started.", "node"),
    gauge("journey_kubelet_running_pods", "Pods that run on a node.", "node"),
    counter("journey_kubelet_refused_status_writes_total", "Statuses that the API server refused."),
    counter("journey_alb_controller_reconciles_total", "Reconciles of the AWS Load Balancer Controller.",
            "controller"),
    counter("journey_aws_requests_total", "Calls to the AWS APIs, by result.", "service", "operation", "code"),
)  # fmt: skip
