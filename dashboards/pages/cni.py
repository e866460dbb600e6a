"""Addresses of pods: who has them, and how fast more come."""

from dashboards.model import RARE, Page, Panel, Query, Variable, quantile, rate

_NODE = 'node=~"$node"'

PAGE = Page(
    uid="journey-cni",
    title="VPC CNI addresses",
    question="Are there addresses for the next pods, and what does a pod wait when there are none at hand?",
    variables=(Variable("node", "Node", "journey_cni_ip_addresses", "node"),),
    panels=(
        Panel(
            "Addresses by state",
            "Assigned to pods, warm (at hand), and in cooldown for 30 s after a pod has gone.",
            (Query(f"sum by (state) (journey_cni_ip_addresses{{{_NODE}}})", "{{state}}"),),
            stacked=True,
        ),
        Panel(
            "Warm addresses by node",
            "What WARM_ENI_TARGET, WARM_IP_TARGET and MINIMUM_IP_TARGET keep at hand; at 0 the next pod "
            "waits.",
            (Query(f'sum by (node) (journey_cni_ip_addresses{{state="warm",{_NODE}}})', "{{node}}"),),
        ),
        Panel(
            "Assigned against the limit",
            "Share of the addresses that the instance type allows; at 100 % pods stay in ContainerCreating.",
            (
                Query(
                    f'sum by (node) (journey_cni_ip_addresses{{state="assigned",{_NODE}}})'
                    f" / (sum by (node) (journey_cni_ip_limit{{{_NODE}}}) > 0)",
                    "{{node}}",
                ),
            ),
            unit="percentunit",
            most=1,
            warn=0.9,
        ),
        Panel(
            "Network interfaces by node",
            "Interfaces attached: each brings as many addresses as its instance type has slots.",
            (Query(f"sum by (node) (journey_cni_enis{{{_NODE}}})", "{{node}}"),),
        ),
        Panel(
            "Free addresses of subnets",
            "What is left in each subnet; warm addresses are taken from here too, whether a pod needs them "
            "or not.",
            (Query("min by (subnet) (journey_cni_subnet_free_addresses)", "{{subnet}}"),),
            warn=20,
        ),
        Panel(
            "Time to an address",
            "p99 of what a pod waits for its address: milliseconds from the warm pool, seconds if an "
            "interface must be attached.",
            (
                Query(
                    quantile(0.99, "journey_cni_assign_duration_seconds", "path", over=RARE), "p99 {{path}}"
                ),
            ),
            unit="s",
            may_be_empty="while no pod needs an address",
        ),
        Panel(
            "Addresses not given",
            "Pods per second that got no address, by why.",
            (Query(rate("journey_cni_assign_failures_total", "reason"), "{{reason}}"),),
            may_be_empty="while every pod gets its address",
        ),
        Panel(
            "EC2 calls of the CNI",
            "Calls per second to EC2; a small warm pool makes many of them.",
            (Query(rate("awscni_ec2api_req_count", "fn"), "{{fn}}"),),
            unit="reqps",
            interval="1m",
            may_be_empty="while the warm pools are as they should be",
        ),
        Panel(
            "Time that EC2 takes",
            "Mean of the agent's own awscni_aws_api_latency_ms, by call; attaching an interface takes seconds, and "
            "pods wait for it when none is warm.",
            (
                Query(
                    "sum by (api) (rate(awscni_aws_api_latency_ms_sum[$__rate_interval]))"
                    " / (sum by (api) (rate(awscni_aws_api_latency_ms_count[$__rate_interval])) > 0)",
                    "{{api}}",
                ),
            ),
            unit="ms",
            interval="1m",
            may_be_empty="while the agent asks EC2 nothing",
        ),
        Panel(
            "Connection tracking",
            "Share of each node's conntrack table that is used; when it is full, new connections are lost.",
            (
                Query(
                    f"max by (node) (journey_node_conntrack_entries{{{_NODE}}})"
                    f" / max by (node) (journey_node_conntrack_limit{{{_NODE}}})",
                    "{{node}}",
                ),
            ),
            unit="percentunit",
            warn=0.8,
        ),
    ),
)
