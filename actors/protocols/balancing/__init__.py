"""A target group: which targets there are, how they are, and which of them gets the next request.

How this works. The group (`group.py`) holds every registered target, and those that drain. `health.py` moves them from
state to state (the health checks say when, see `protocols/health_check.py`). Those that may get requests are
*routable*: the healthy ones, or, when too few are healthy (`census.py`, `thresholds.py`), the unhealthy ones too
(fail-open). Only routable targets (`routable.py`) are known to the algorithm, one of `round_robin.py`,
`least_outstanding_requests.py` and `weighted_random.py`, which therefore never has to look for one: they choose and
count in constant time, with three targets or a thousand. `slow_start.py` gives a target that has just become healthy
less than its turn, and `anomalies.py` watches which targets fail more than their peers.

Each ALB node owns its groups and counts its own requests: with several nodes "least outstanding" is least of this
node's. Sans-IO: `now_ns` and the dice are arguments; whatever changes something returns what has changed.
"""

from actors.protocols.balancing.anomalies import Anomaly, Judged
from actors.protocols.balancing.attributes import Attributes
from actors.protocols.balancing.group import TargetGroup
from actors.protocols.balancing.routable import ALGORITHMS
from actors.protocols.balancing.target import ALL_ZONES, Changed, Choice, Reason, State, Target, TargetId
from actors.protocols.balancing.thresholds import Thresholds

__all__ = [
    "ALGORITHMS",
    "ALL_ZONES",
    "Anomaly",
    "Attributes",
    "Changed",
    "Choice",
    "Judged",
    "Reason",
    "State",
    "Target",
    "TargetGroup",
    "TargetId",
    "Thresholds",
]
