"""Metrics of those who ask: laptops, their load and their home."""

from orchestrator.metrics.names.model import Metric, counter, gauge, histogram

_EACH = ("scenario", "client")
"""Of each laptop, by its name. Not the histogram from when requests were sent: one is twenty series for each."""
_CLIENT = ("client",)
_SCENARIO = ("scenario",)

CLIENTS: tuple[Metric, ...] = (
    counter("journey_client_offered_requests_total", "Requests that the load wanted to send.", added=_EACH),
    counter(
        "journey_client_requests_total",
        "Requests by what became of them: ok, http_4xx, http_5xx, timeout, refused, reset, dns_error, tls_error.",
        "outcome", added=_EACH,
    ),
    counter(
        "journey_client_dropped_requests_total",
        "Requests that were never sent, because too many were under way.",
        "reason", added=_CLIENT,
    ),
    histogram(
        "journey_client_request_duration_seconds",
        "From the moment a request was meant to be sent to the end of its answer.",
        added=_EACH,
    ),
    histogram(
        "journey_client_service_duration_seconds",
        "From the moment a request was really sent to the end of its answer; the gap to the request duration is "
        "coordinated omission.",
        added=_SCENARIO,
    ),
    histogram(
        "journey_client_phase_duration_seconds",
        "Parts of a browser's request on a fresh connection: dns, tcp_connect, tls, first_byte, download.",
        "phase",
    ),
    gauge(
        "journey_client_planned_requests_per_second",
        "What an open model's plan has at this moment; 0 while it is paused.",
    ),
    gauge("journey_client_planned_users", "Users that a closed model has at this moment; 0 while it is paused."),
    counter(
        "journey_client_load_changes_total",
        "Changes of a load while it ran: set, pause, resume, stop.",
        "change",
    ),
    gauge("journey_client_inflight_requests", "Requests that have been sent and wait for an answer.", added=_CLIENT),
    gauge("journey_client_connections", "Connections of the load: idle, active or opening.", "state", added=_CLIENT),
    gauge("journey_client_visitors", "Connections of real programs to a laptop's ingress and proxy."),
    counter("journey_client_visitors_turned_away_total", "Real programs for which there was no room."),
    counter("journey_client_tunnels_total", "Tunnels of real programs through a laptop's proxy."),
    gauge("journey_client_shells", "Hosts behind a laptop: shells of `journey shell`."),
    gauge("journey_nat_sessions", "Sessions in a home router's translation table.", "router"),
    gauge("journey_nat_session_limit", "Sessions that fit into a home router's translation table.", "router"),
    counter(
        "journey_nat_failures_total",
        "Packets that found no room in the table or no port, and sessions that timed out while open.",
        "router", "reason",
    ),
    gauge("journey_dhcp_leases", "Leases in force.", "router"),
    gauge("journey_dhcp_pool_addresses", "Addresses that a home router has to lease.", "router"),
    counter(
        "journey_dhcp_refusals_total",
        "Clients that got no address: the pool was exhausted, a request was refused (nak), or they found the address "
        "in use (declined).",
        "router", "reason",
    ),
    counter("journey_dhcp_malformed_messages_total", "DHCP messages that could not be read.", added=("element",)),
)  # fmt: skip
