"""Where Grafana starts."""

from dashboards.model import Page, Panel, Query, quantile, rate

_REQUESTS = "journey_client_requests_total"
_FAILED = 'outcome!="ok"'

_TEXT = """\
## What runs here

A laptop, its home router, the Internet, an Application Load Balancer and nginx pods on EKS, \
each a process of its own. Every figure is of the **emulated** world, in its own time, except on *Emulator internals*.

| you wonder | go to |
|---|---|
| How are requests doing, and where does their time go? | [Journey overview](/d/journey-overview) |
| Which target gets what, and who made that 502? | [ALB and targets](/d/journey-alb) |
| What happens while I roll out? | [Deployments and draining](/d/journey-rollout) |
| Can I believe this run? | [Load and validity](/d/journey-load) |
| What would CloudWatch show of it? | [As CloudWatch shows it](/d/journey-aws-lens) |

Things to try in a terminal: `journey load`, `journey scale nginx --replicas 6`, `journey rollout restart nginx`, \
`journey run configs/scenarios/lor-vs-round-robin.yaml`.
"""

PAGE = Page(
    uid="journey-home",
    title="Start here",
    question="What is running, and where do I look next?",
    panels=(
        Panel("", "The way to the other dashboards.", kind="text", text=_TEXT, width=16, height=11),
        Panel(
            "All dashboards",
            "Every dashboard of this emulator.",
            kind="dashlist",
            width=8,
            height=11,
        ),
        Panel(
            "Requests",
            "Answered requests per second: the load that you asked for, if all is well.",
            (Query(rate("journey_client_requests_total")),),
            kind="stat",
            unit="reqps",
            width=4,
            height=5,
            leads_to=("journey-overview",),
        ),
        Panel(
            "Failed",
            "The share of requests that did not end in a 2xx or 3xx: 0 % unless something is being broken.",
            (Query(f"{rate(_REQUESTS, where=_FAILED)} / ({rate(_REQUESTS)} > 0)"),),
            kind="stat",
            unit="percentunit",
            width=4,
            height=5,
            warn=0.001,
            alarm=0.01,
            leads_to=("journey-overview",),
            may_be_empty="while no requests are made",
        ),
        Panel(
            "p99 from intended start",
            "What one request in a hundred exceeds, counted from when it should have been sent.",
            (Query(quantile(0.99, "journey_client_request_duration_seconds")),),
            kind="stat",
            unit="s",
            width=4,
            height=5,
            leads_to=("journey-load",),
        ),
        Panel(
            "Healthy targets",
            "Targets that the load balancer sends requests to: as many as there are ready pods.",
            (Query('sum(journey_alb_targets{state="healthy"})'),),
            kind="stat",
            width=4,
            height=5,
            warn=2,
            alarm=1,
            low_is_bad=True,
            leads_to=("journey-alb",),
        ),
        Panel(
            "Elements up",
            "Processes of the world that run; the number goes up with every pod.",
            (Query('sum(journey_runtime_actors{state="up"})'),),
            kind="stat",
            width=4,
            height=5,
            leads_to=("journey-runtime",),
        ),
        Panel(
            "Emulator lag p99",
            "How late the emulator's own event loops are: above 5 ms, figures begin to be those of this "
            "machine.",
            (Query(quantile(0.99, "journey_runtime_loop_lag_seconds")),),
            kind="stat",
            unit="s",
            width=4,
            height=5,
            warn=0.005,
            alarm=0.02,
            leads_to=("journey-runtime",),
        ),
        Panel(
            "What runs",
            "How many processes there are of each kind of element, and in which state.",
            (Query("sum by (kind, state) (journey_runtime_actors) > 0"),),
            kind="table",
            width=12,
            names={"kind": "element", "Value": "processes"},
        ),
        Panel(
            "This emulator",
            "Its version, and the scenario that is running if there is one.",
            (Query("journey_build_info"), Query("journey_scenario_info", may_be_empty=True)),
            kind="table",
            width=12,
            hidden=("Value", "Value #A", "Value #B"),
        ),
    ),
)
