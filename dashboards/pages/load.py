"""Whether figures can be believed."""

from dashboards.model import Page, Panel, Query, percentiles, quantile, rate

_INTENDED = "journey_client_request_duration_seconds"
_SERVICE = "journey_client_service_duration_seconds"

PAGE = Page(
    uid="journey-load",
    title="Load and validity",
    question="Can I believe this run?",
    panels=(
        Panel(
            "Not sent",
            "Requests that the generator could not send in the last 5 minutes. Anything but 0 makes a run "
            "invalid.",
            (Query("sum(increase(journey_client_dropped_requests_total[5m]))"),),
            kind="stat",
            width=6,
            height=5,
            alarm=1,
            decimals=0,
        ),
        Panel(
            "Generator lag p99",
            "How late requests left after their intended start; above 5 ms the machine, not the world, is "
            "measured.",
            (Query(quantile(0.99, "journey_runtime_generator_lag_seconds")),),
            kind="stat",
            unit="s",
            width=6,
            height=5,
            warn=0.005,
            alarm=0.02,
            may_be_empty="while no load at a rate runs",
        ),
        Panel(
            "Emulator lag p99",
            "How late the event loops of the elements are: the share of latency that is not the world's.",
            (Query(quantile(0.99, "journey_runtime_loop_lag_seconds")),),
            kind="stat",
            unit="s",
            width=6,
            height=5,
            warn=0.005,
            alarm=0.02,
        ),
        Panel(
            "In flight",
            "Requests on their way; a line that only rises is a world that cannot keep up.",
            (Query("sum(journey_client_inflight_requests)"),),
            kind="stat",
            width=6,
            height=5,
        ),
        Panel(
            "Offered, answered, not sent",
            "Offered and answered lie on each other, and on what is planned; not sent is 0. Otherwise the run says "
            "something else than it seems. `journey load set` and `pause` show as steps.",
            (
                Query("sum(journey_client_planned_requests_per_second)", "planned"),
                Query(rate("journey_client_offered_requests_total"), "offered"),
                Query(rate("journey_client_requests_total"), "answered"),
                Query(rate("journey_client_dropped_requests_total", "reason"), "not sent: {{reason}}"),
            ),
            unit="reqps",
        ),
        Panel(
            "Coordinated omission",
            "p99 from intended start less p99 from actual send: what a closed-loop generator would have "
            "hidden.",
            (
                Query(quantile(0.99, _INTENDED), "from intended start"),
                Query(quantile(0.99, _SERVICE), "from actual send"),
                Query(f"{quantile(0.99, _INTENDED)} - {quantile(0.99, _SERVICE)}", "hidden"),
            ),
            unit="s",
        ),
        Panel(
            "Latency from intended start",
            "p50, p90 and p99 as a user feels them.",
            percentiles(_INTENDED, exemplars=True),
            unit="s",
        ),
        Panel(
            "Answers by client",
            "Answered requests per second of each laptop: even, as the load is divided.",
            (Query(rate("journey_client_requests_total", "client"), "{{client}}"),),
            unit="reqps",
        ),
        Panel(
            "p99 by client",
            "From intended start, of each laptop: lines that are not alike, of a world with several homes, lie apart.",
            (Query(quantile(0.99, _INTENDED, "client"), "{{client}}"),),
            unit="s",
        ),
        Panel(
            "Latency from actual send",
            "p50, p90 and p99 as most load generators tell them.",
            percentiles(_SERVICE),
            unit="s",
        ),
        Panel(
            "Lag of the emulator by process",
            "p99 of how late each process is: the worst one bounds what can be measured.",
            (
                Query(
                    f"topk(10, {quantile(0.99, 'journey_runtime_loop_lag_seconds', 'process')})",
                    "{{process}}",
                ),
            ),
            unit="s",
            warn=0.005,
        ),
        Panel(
            "Requests by outcome",
            "Answered requests per second by how they ended.",
            (Query(rate("journey_client_requests_total", "scenario, outcome"), "{{scenario}} {{outcome}}"),),
            unit="reqps",
            stacked=True,
        ),
    ),
)
