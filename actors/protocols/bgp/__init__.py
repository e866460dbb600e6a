"""BGP-4 (RFC 4271) without sockets and clocks.

`messages` and `attribute_codec` are the bytes, `fsm` is the table of states, `session` one connection, `neighbour` a
peer with its connections, `decision` the ladder, `policy` who is told what, `rib` the three tables, and `speaker` the
router that has them all. `shown` puts it into plain values.
"""

from actors.protocols.bgp.neighbour import Peering
from actors.protocols.bgp.policy import Policy, Relationship
from actors.protocols.bgp.session import Session, Settings
from actors.protocols.bgp.speaker import Speaker, Surroundings

__all__ = ["Peering", "Policy", "Relationship", "Session", "Settings", "Speaker", "Surroundings"]
