"""How long AWS takes, and how much it lets one ask: the part `control_plane` of aws_api's config."""

from typing import Any

from pydantic import Field

from actors.parts.config_fields import Part
from actors.units import Duration

DEFAULT = "default"
"""The key for all operations that have no latency of their own."""

LATENCY: dict[str, dict[str, str]] = {
    "elbv2": {DEFAULT: "150ms"},
    "ec2": {
        DEFAULT: "100ms",
        "AssignPrivateIpAddresses": "510ms",
        "UnassignPrivateIpAddresses": "510ms",
        "CreateNetworkInterface": "600ms",
        "AttachNetworkInterface": "2s",
        "DetachNetworkInterface": "2s",
        "DeleteNetworkInterface": "300ms",
        "ModifyNetworkInterfaceAttribute": "200ms",
    },
    "route53": {DEFAULT: "150ms"},
    "acm": {DEFAULT: "100ms"},
    "sts": {DEFAULT: "50ms"},
}
"""AWS publishes none of these. `AssignPrivateIpAddresses`: a sample of amazon-vpc-cni-k8s#3480; the others are chosen:
what one sees from within a region, mostly the round trips of TLS and some tens of milliseconds of work. A new network
interface is usable after up to 10 s (amazon-vpc-cni-k8s, docs/eni-and-ip-target.md); what EC2 takes goes with it."""


def _delay(default: str, until: str) -> Any:
    return Field(default=default, validate_default=True, description=until)


class Delays(Part):
    """How long it takes until what was accepted has its effect."""

    load_balancer_provisioning: Duration = _delay(
        "2m32s", "from CreateLoadBalancer to `active` (AWS: a few minutes; the EKS user guide shows 2m32s)"
    )
    configuration: Duration = _delay(
        "2s",
        "until a change of listeners, rules or attributes has reached the nodes (chosen: AWS names none)",
    )
    target_registration: Duration = _delay(
        "10s",
        "until nodes know of a registered target (AWS names none; about 10 s say users of its controller)",
    )
    target_deregistration: Duration = _delay(
        "10s",
        "until nodes stop choosing a deregistered target (AWS names none; about as long as registration)",
    )
    record_change: Duration = _delay(
        "60s", "until Route 53's name servers answer by a changed record; AWS says 60 s as a rule"
    )


class ControlPlane(Part):
    """How long AWS takes to answer and to act, and whether it holds callers to its limits."""

    latency: dict[str, dict[str, Duration]] = Field(
        default_factory=dict,
        description="by service and operation (`ec2: {AssignPrivateIpAddresses: 510ms, default: 150ms}`): "
        "how long an answer takes",
    )
    delays: Delays = Delays()
    throttling: bool = Field(
        default=False, description="whether callers are held to the token buckets of AWS's request limits"
    )
