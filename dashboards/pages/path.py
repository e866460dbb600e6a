"""The network under the requests."""

from dashboards.model import Page, Panel, Query, Variable, rate

_LINK = 'link=~"$link"'
_BYTES = "journey_link_transmit_bytes_total"

PAGE = Page(
    uid="journey-path",
    title="Network path",
    question="Which way do packets go, and where do they wait or get lost?",
    variables=(Variable("link", "Link", "journey_link_up", "link"),),
    panels=(
        Panel(
            "Utilisation",
            "Share of each link's rate that is used, for links that have one; what stays near 100 % queues.",
            (
                Query(
                    f"max by (link) (sum by (link, direction) (rate({_BYTES}{{{_LINK}}}[$__rate_interval]))"
                    f" / on (link) group_left() max by (link) (journey_link_capacity_bytes_per_second{{{_LINK}}} > 0))",
                    "{{link}}",
                ),
            ),
            unit="percentunit",
            warn=0.8,
        ),
        Panel(
            "Traffic",
            "Bytes per second on each link and in which direction; the downstream of a request outweighs "
            "its upstream.",
            (Query(rate(_BYTES, "link, direction", _LINK), "{{link}} {{direction}}"),),
            unit="Bps",
        ),
        Panel(
            "Lost packets",
            "Packets per second that a link lost, by why.",
            (
                Query(
                    rate("journey_link_dropped_packets_total", "link, reason", _LINK) + " > 0",
                    "{{link}} {{reason}}",
                ),
            ),
            unit="pps",
            may_be_empty="while no link loses packets",
        ),
        Panel(
            "Queues",
            "Packets that wait at the end of a link; a queue that stands is delay for everyone behind it.",
            (Query(f"max by (link) (journey_link_queue_packets{{{_LINK}}})", "{{link}}"),),
        ),
        Panel(
            "Links up",
            "Green while a link carries packets.",
            (Query(f"min by (link) (journey_link_up{{{_LINK}}})", "{{link}}"),),
            kind="statetimeline",
            words={"1": ("up", "green"), "0": ("down", "red")},
        ),
        Panel(
            "Path taken",
            "Packets per second over each link now: of two links side by side, the routers' choice carries "
            "them.",
            (Query(rate("journey_link_transmit_packets_total", "link, direction", _LINK)),),
            kind="table",
            unit="pps",
            names={"Value": "packets/s"},
            decimals=1,
        ),
        Panel(
            "Home router's NAT table",
            "Sessions that the home router translates, and the most it can hold.",
            (
                Query("sum by (router) (journey_nat_sessions)", "{{router}} sessions"),
                Query("sum by (router) (journey_nat_session_limit)", "{{router}} limit"),
            ),
        ),
        Panel(
            "NAT failures",
            "New flows per second that found no room or no port, and packets of sessions that had timed out.",
            (Query(rate("journey_nat_failures_total", "router, reason"), "{{router}} {{reason}}"),),
            unit="pps",
            may_be_empty="while the home router translates everything",
        ),
        Panel(
            "One-way delay of links",
            "Propagation alone, as configured or as a fault has changed it.",
            (Query(f"max by (link) (journey_link_propagation_seconds{{{_LINK}}})", "{{link}}"),),
            unit="s",
        ),
        Panel(
            "Packets dropped by stacks and the VPC",
            "Packets per second that hosts and the VPC threw away, by why (security group, no route, "
            "checksum, TTL).",
            (
                Query(rate("journey_ip_dropped_packets_total", "reason"), "host {{reason}}"),
                Query(rate("journey_vpc_dropped_packets_total", "reason"), "VPC {{reason}}"),
            ),
            unit="pps",
            may_be_empty="while nothing is dropped",
        ),
    ),
)
