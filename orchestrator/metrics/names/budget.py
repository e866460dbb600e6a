"""How many series there may be: what bounds the values of each label.

A label multiplies series, so none may be whatever clients send or elements come by: no request, trace, address or port
of a client, connection or URL. A `client` is a laptop of the world's file. Those that grow with pods are few, and never
two of them on one metric of ours.
"""

from typing import NamedTuple

PODS = 500
MOST_SERIES = {"/metrics": 7000, "/metrics/aws": 7000}
"""Of the default world with so many pods."""
MOST_PER_POD = {"/metrics": 10, "/metrics/aws": 11}
MOST_PER_CLIENT = 40
"""Of series with the label `client`, on `/metrics`."""
MOST_LABELS = 4
"""Of a metric of ours; names of others have what they have."""


class Bound(NamedTuple):
    """What keeps a label's values few."""

    what: str
    most: int | None = None
    """As many as the code has words for; None: as many as there are of these."""


_ELEMENTS, _OBJECTS = "elements of the world's file", "objects in the cluster"

LABELS: dict[str, Bound] = {
    "pod": Bound("pods"),
    "pod_ip": Bound("pods"),
    "target": Bound("targets; of events, what a scenario or a user named"),
    "element": Bound(_ELEMENTS),
    "process": Bound(f"{_ELEMENTS}; launched ones together, by their kind"),
    "node": Bound("nodes"),
    "client": Bound("laptops of the world's file"),
    "router": Bound("home routers"),
    "asn": Bound("border routers"),
    "peer_asn": Bound("neighbours of a border router"),
    "rib": Bound("adj_in, loc, adj_out", 3),
    "probe": Bound("tail_loss, zero_window, keepalive", 3),
    "link": Bound("links of the world's file; those to a node's pods together"),
    "direction": Bound("two for each link; of resets sent and received"),
    "eni": Bound("network interfaces of nodes"),
    "subnet": Bound("subnets"),
    "cidr": Bound("prefixes of nodes"),
    "target_group": Bound("target groups"),
    "load_balancer": Bound("load balancers"),
    "availability_zone": Bound("zones"),
    "web_acl": Bound("web ACLs"),
    "deployment": Bound(_OBJECTS),
    "namespace": Bound(_OBJECTS),
    "created_by_name": Bound(_OBJECTS),
    "name": Bound("one scenario; webhooks"),
    "scenario": Bound("one for each world", 1),
    "variant": Bound("one for each world", 1),
    "seed": Bound("one for each world", 1),
    "version": Bound("one for each world", 1),
    "event": Bound("words of scenarios and commands", 20),
    "kind": Bound("kinds of elements; kinds of time spent on a hop; kinds of documents", 30),
    "tier": Bound("tiers", 9),
    "state": Bound("states, of each metric its own", 8),
    "reason": Bound("reasons, of each metric its own", 12),
    "cause": Bound("causes of an ALB's own errors", 60),
    "status": Bound("statuses of an ALB's own errors; EC2's error codes, and 200", 61),
    "change": Bound("what can be done to a load", 4),
    "outcome": Bound("outcomes of a request", 8),
    "code_class": Bound("2xx to 5xx", 4),
    "source": Bound("who answered", 4),
    "side": Bound("clients and targets", 2),
    "role": Bound("client and server", 2),
    "to": Bound("states of a target", 5),
    "result": Bound("results, of each metric its own", 6),
    "phase": Bound("phases, of each metric its own", 6),
    "path": Bound("ways to an address", 2),
    "header": Bound("dropped and forwarded", 2),
    "resolver": Bound("levels of DNS", 7),
    "transport": Bound("UDP and TCP", 2),
    "rcode": Bound("response codes that are used", 8),
    "port": Bound("ports that are listened at, of servers only", 8),
    "consumer": Bound("consumers of endpoints", 2),
    "controller": Bound("controllers", 20),
    "component": Bound("writers of events", 20),
    "algorithm": Bound("target groups"),
    "slow_start": Bound("target groups"),
    "deregistration_delay": Bound("target groups"),
    "action": Bound("what a web ACL does", 6),
    "service": Bound("services of AWS", 8),
    "operation": Bound("operations that are called", 60),
    "code": Bound("AWS's error codes; HTTP statuses", 60),
    "status_code": Bound("HTTP statuses", 20),
    "error_code": Bound("AWS's error codes", 60),
    "error_category": Bound("categories of errors", 10),
    "reconcile_stage": Bound("stages of a reconcile", 12),
    "verb": Bound("verbs of the API", 10),
    "resource": Bound("resources of the API", 60),
    "subresource": Bound("subresources of the API", 10),
    "type": Bound("types of webhooks", 2),
    "condition": Bound("true, false, unknown", 3),
    "interface": Bound("eth0", 1),
    "fn": Bound("functions of ipamd", 20),
    "api": Bound("operations of EC2", 30),
    "error": Bound("EC2's error codes; true and false", 60),
    "success": Bound("true and false", 2),
}
