"""The environment variables of `aws-node` that say how many addresses a node keeps ready, and ipamd's own figures."""

from typing import NamedTuple

from actors.units import SECOND

PREFIX_SIZE = 16
"""Addresses of a delegated prefix: a /28."""

LOOP_NS = 5 * SECOND
"""Half a period, grow or shrink, half a period, reconcile."""
RECONCILE_NS = 60 * SECOND
"""How often the data store is compared with EC2, and for how long after an action it is not."""
SHRINK_NS = 30 * SECOND
"""At most one round of taking addresses away in this time."""
RECONCILE_COOLDOWN_NS = 60 * SECOND
"""An address that was taken away is not found again by reconciling before this."""
INSUFFICIENT_CIDR_NS = 120 * SECOND
"""After a subnet has turned out to be full, EC2 is left alone for this long."""
MINIMUM_ENI_LIFE_NS = 60 * SECOND
"""Younger ENIs are never freed."""
LEAKED_ENI_NS = 300 * SECOND
"""How old an unattached ENI of this node must be before it is taken for a leaked one and deleted."""


class Settings(NamedTuple):
    """What the variables say; None is unset. `max_pods` is the kubelet's."""

    warm_eni_target: int = 1
    warm_ip_target: int | None = None
    minimum_ip_target: int | None = None
    max_eni: int | None = None
    prefix_delegation: bool = False
    warm_prefix_target: int | None = None
    max_pods: int | None = None

    @property
    def has_ip_targets(self) -> bool:
        """WARM_IP_TARGET and MINIMUM_IP_TARGET override WARM_ENI_TARGET and WARM_PREFIX_TARGET."""
        return bool(self.warm_ip_target) or bool(self.minimum_ip_target)
