"""What can be set of a target group, as far as the choice of its targets goes."""

from typing import NamedTuple

from actors.protocols.balancing.round_robin import RoundRobin
from actors.protocols.balancing.thresholds import Thresholds
from actors.units import SECOND


class Attributes(NamedTuple):
    """A target group's attributes, with AWS's defaults; those that do not go together are refused by its API."""

    algorithm: str = RoundRobin.name
    anomaly_mitigation: bool = False
    slow_start_ns: int = 0
    cross_zone: bool = True
    """False: a node sends requests to targets of its own zone only."""
    deregistration_delay_ns: int = 300 * SECOND
    unhealthy_state_routing: Thresholds = Thresholds()
    dns_failover: Thresholds = Thresholds()
