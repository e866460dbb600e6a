"""Metrics of what lies between: hops, links, the packets and segments of hosts, DNS and the VPC."""

from actors.bounds import CONVERGENCE_S
from orchestrator.metrics.names.model import Metric, counter, gauge, histogram

_HERE = ("element",)

NETWORK: tuple[Metric, ...] = (
    histogram(
        "journey_hop_duration_seconds",
        "Where time goes: on links (propagation, with the time to put the frame on the wire), waiting for others "
        "(queueing) and being worked on (processing). By frame; at a pod queueing and processing are by request.",
        "kind", added=("tier",),
    ),
    counter("journey_link_transmit_bytes_total", "Bytes of Ethernet frames put on a link.", "link", "direction"),
    counter("journey_link_transmit_packets_total", "Frames put on a link.", "link", "direction"),
    counter(
        "journey_link_dropped_packets_total",
        "Frames that a link did not take: queue_full, loss, corrupt, mtu, cut, no_carrier, partition.",
        "link", "reason",
    ),
    gauge("journey_link_queue_packets", "Frames that wait for a busy link, both directions together.", "link"),
    gauge("journey_link_up", "Whether a link has a carrier and is not cut.", "link", merge="min"),
    gauge("journey_link_capacity_bytes_per_second", "A link's rate; links without one are not told.", "link",
          merge="max"),
    gauge("journey_link_propagation_seconds", "A link's delay.", "link", merge="max"),
    counter("journey_ip_dropped_packets_total", "Packets that a host or router refused, by why.", "reason",
            added=_HERE),
    counter("journey_router_no_route_packets_total", "Packets that a border router had no route for.", "asn"),
    gauge("journey_bgp_session_up", "Whether a BGP session is established.", "asn", "peer_asn", merge="min"),
    gauge("journey_bgp_routes", "Routes of a BGP speaker: heard (adj_in), chosen (loc), told (adj_out).", "asn",
          "rib"),
    counter("journey_bgp_updates_total", "Prefixes that neighbours have announced or withdrawn.", "asn", "kind"),
    counter("journey_bgp_best_path_changes_total", "How often the best path to a prefix has changed.", "asn"),
    histogram("journey_bgp_convergence_duration_seconds", "From an event (session_up, session_down, link_down, "
              "hold_timer: since the neighbour was last heard) to the last change of a best path.", "event",
              buckets=CONVERGENCE_S),
    counter("journey_tcp_opens_total", "Connections opened, as client or server.", "role", added=_HERE),
    counter("journey_tcp_resets_total", "Resets sent and received.", "direction", added=_HERE),
    counter("journey_tcp_listen_drops_total", "Connections that a full queue of SYNs turned away.", added=_HERE),
    counter("journey_tcp_listen_overflows_total", "Connections that a full accept queue turned away.", added=_HERE),
    counter("journey_tcp_malformed_segments_total", "Segments that could not be read.", added=_HERE),
    counter("journey_tcp_protocol_errors_total", "Segments that no state of TCP allows.", added=_HERE),
    counter("journey_tcp_probes_total", "Segments that only ask for an answer: tail_loss, zero_window, keepalive.",
            "probe", added=_HERE),
    counter("journey_tcp_recoveries_total", "Losses found, by what told of them: fast_retransmit, timeout, path_mtu.",
            "cause", added=_HERE),
    counter("journey_tcp_segments_received_total", "Segments received.", added=_HERE),
    counter("journey_tcp_segments_retransmitted_total", "Segments sent again.", added=_HERE),
    counter("journey_tcp_segments_sent_total", "Segments sent.", added=_HERE),
    counter("journey_tcp_syn_cookies_total", "SYN cookies sent, and those that came back.", "direction", added=_HERE),
    gauge("journey_tcp_accept_queue_connections", "Connections that nobody has accepted yet.", "port", added=_HERE),
    counter("journey_dns_queries_total", "Queries answered, by resolver (stub, os, forwarder, recursive, root, tld, "
            "authoritative) and response code.", "resolver", "rcode"),
    counter("journey_dns_cache_requests_total", "Questions to a cache: hit, miss or stale.", "resolver", "result"),
    histogram("journey_dns_query_duration_seconds", "From query to response.", "resolver"),
    counter("journey_dns_dropped_queries_total", "Queries dropped because too many were in hand.", "resolver"),
    counter("journey_dns_malformed_messages_total", "DNS messages that could not be read.", "resolver"),
    counter("journey_dns_received_queries_total", "Messages to a DNS server, by the transport that carried them.",
            "resolver", "transport"),
    counter("journey_dns_truncated_responses_total", "Responses too long for UDP: sent without records, with TC.",
            "resolver"),
    gauge("journey_vpc_tracked_connections", "Connections that security groups remember."),
    counter("journey_vpc_dropped_packets_total", "Packets that the VPC dropped, by why.", "reason"),
)  # fmt: skip
