"""Variants of a scenario beside each other.

Variants run one after the other, each in a world of its own; which one it was says `journey_scenario_info`. Its label
is joined to every figure here, so that nothing on the path of requests has to carry it.
"""

from dashboards.model import Page, Panel, Query

_VARIANT = (
    "(max by (job, instance, variant) (journey_scenario_info) or on (job, instance)"
    ' label_replace(max by (job, instance) (journey_build_info), "variant", "no scenario", "", ""))'
)


def _by_variant(expr: str, by: str = "") -> str:
    """`expr` must keep `job` and `instance`; it comes back by variant."""
    labels = f"variant, {by}" if by else "variant"
    return f"sum by ({labels}) ({expr} * on (job, instance) group_left (variant) {_VARIANT})"


def _rate(metric: str, by: str = "", where: str = "", over: str = "$__rate_interval") -> str:
    labels = f"job, instance, {by}" if by else "job, instance"
    return f"sum by ({labels}) (rate({metric}{{{where}}}[{over}]))"


def _quantile(share: float, metric: str, over: str = "$__rate_interval") -> str:
    return f"histogram_quantile({share:g}, {_by_variant(_rate(f'{metric}_bucket', 'le', over=over), 'le')})"


_LATENCY = "journey_client_request_duration_seconds"
_REQUESTS = "journey_client_requests_total"
_TARGETS = _by_variant(_rate("journey_alb_target_requests_total", "target"), "target")
_ELB = "source='elb',code_class='5xx'"


def _error_share(over: str = "$__rate_interval") -> str:
    failed = _by_variant(_rate(_REQUESTS, where="outcome!='ok'", over=over))
    return f"{failed} / ({_by_variant(_rate(_REQUESTS, over=over))} > 0)"


def _over_range(expr: str) -> str:
    """The greatest over what is on the screen: variants that have ended still count."""
    return f"max_over_time(({expr})[$__range:5s])"


PAGE = Page(
    uid="journey-compare",
    title="A/B policies",
    question="Which variant is better, and by how much?",
    span="now-15m",
    panels=(
        Panel(
            "The variants",
            "The worst of each figure while its variant ran, over the time that is on the screen. "
            "`journey compare` has the exact ones, with their spread.",
            (
                Query(_over_range(_quantile(0.5, _LATENCY, "30s"))),
                Query(_over_range(_quantile(0.99, _LATENCY, "30s"))),
                Query(_over_range(_error_share("30s"))),
                Query(_over_range(_by_variant(_rate(_REQUESTS, over="30s")))),
            ),
            kind="table",
            width=24,
            height=6,
            names={
                "Value #A": "p50 (s)",
                "Value #B": "p99 (s)",
                "Value #C": "share of failures",
                "Value #D": "requests/s",
            },
            decimals=4,
        ),
        Panel(
            "p99 from intended start",
            "One colour per variant; the lower one wins, if both were offered the same.",
            (Query(_quantile(0.99, _LATENCY), "{{variant}}"),),
            unit="s",
        ),
        Panel(
            "p50 from intended start",
            "The median by variant: policies differ in the tail more often than here.",
            (Query(_quantile(0.5, _LATENCY), "{{variant}}"),),
            unit="s",
        ),
        Panel(
            "Requests",
            "Answered requests per second by variant: it must be the same load.",
            (Query(_by_variant(_rate(_REQUESTS)), "{{variant}}"),),
            unit="reqps",
        ),
        Panel(
            "Share of failures",
            "Requests that did not end in a 2xx or 3xx, by variant.",
            (Query(_error_share(), "{{variant}}"),),
            unit="percentunit",
            may_be_empty="while no requests are made",
        ),
        Panel(
            "Imbalance",
            "The busiest target against the mean, by variant.",
            (Query(f"max by (variant) ({_TARGETS}) / (avg by (variant) ({_TARGETS}) > 0)", "{{variant}}"),),
            may_be_empty="while no target has requests",
            leads_to=("journey-alb",),
        ),
        Panel(
            "Load balancer's own 5xx",
            "Requests per second that no pod answered, by variant.",
            (Query(_by_variant(_rate("journey_alb_requests_total", where=_ELB)), "{{variant}}"),),
            unit="reqps",
            may_be_empty="until the first 5xx",
            leads_to=("journey-rollout",),
        ),
    ),
)
