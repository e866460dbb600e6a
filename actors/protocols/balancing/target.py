"""Targets and their states, in AWS's words."""

from enum import StrEnum
from typing import Any, NamedTuple

from actors.wire.addresses import ip_text

ALL_ZONES = "all"
"""The zone of a target that belongs to none: it gets requests from the nodes of every zone."""


class State(StrEnum):
    """A target's health state, as DescribeTargetHealth spells it."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    UNUSED = "unused"


class Reason(StrEnum):
    """Why a target is in its state: AWS's reason codes. A healthy target has none."""

    NONE = ""
    REGISTRATION_IN_PROGRESS = "Elb.RegistrationInProgress"
    INITIAL_HEALTH_CHECKING = "Elb.InitialHealthChecking"
    RESPONSE_CODE_MISMATCH = "Target.ResponseCodeMismatch"
    TIMEOUT = "Target.Timeout"
    FAILED_HEALTH_CHECKS = "Target.FailedHealthChecks"
    NOT_REGISTERED = "Target.NotRegistered"
    NOT_IN_USE = "Target.NotInUse"
    DEREGISTRATION_IN_PROGRESS = "Target.DeregistrationInProgress"


class TargetId(NamedTuple):
    """What a target is registered as: an IPv4 address (4 bytes) and a port."""

    address: bytes
    port: int

    def __str__(self) -> str:
        return f"{ip_text(self.address)}:{self.port}"


class Target:
    """One registered target.

    `outstanding` is the number of requests it has been given and not yet answered; `in_zone` whether this node may
    send it any (cross-zone load balancing); `weight` its part of a full share after anomaly mitigation, 0 to 1;
    `answered` and `failed` count what has become of its requests since the last judgement on anomalies."""

    __slots__ = (
        "answered",
        "came_first",
        "failed",
        "id",
        "in_zone",
        "outstanding",
        "reason",
        "routable",
        "sequence",
        "state",
        "text",
        "weight",
        "zone",
    )

    def __init__(self, target_id: TargetId, sequence: int, zone: str = ALL_ZONES) -> None:
        self.id = target_id
        self.text = str(target_id)
        self.sequence = sequence
        self.zone = zone
        self.in_zone = True
        self.state = State.UNUSED
        self.reason = Reason.NOT_REGISTERED
        self.outstanding = 0
        self.routable = False
        self.came_first = False
        """It was registered into an empty group, and has not been healthy yet: no slow start for it."""
        self.weight = 1.0
        self.answered = 0
        self.failed = 0

    def connection_failed(self) -> None:
        """A connection could not be opened, or was lost with a request on it: one more reason to doubt the target."""
        self.answered += 1
        self.failed += 1

    def __repr__(self) -> str:
        return f"<{self.text} {self.state}, {self.outstanding} outstanding>"


class Changed(NamedTuple):
    """A target went from one state, or reason, to another. `target.state` is already the new one."""

    target: Target
    previous: State
    state: State
    reason: Reason


class Choice(NamedTuple):
    """The target that gets the request.

    `why` and `candidates` are composed only when asked for; of many candidates the next best are told, and how many
    were left out."""

    target: Target
    why: str
    candidates: list[dict[str, Any]]
    left_out: int = 0


def sequence_of(target: Target) -> int:
    """The order of registration."""
    return target.sequence
