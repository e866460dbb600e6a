"""EC2's resource ids: how they look, how they are made here, and what EC2 says of one that is wrong.

Ids are made from names, so that a world that is started twice has the same ones.
Source: EC2 API Reference, "Error codes for the Amazon EC2 API".
"""

import re
from hashlib import sha256
from typing import NamedTuple

from actors.protocols.aws.errors import AwsError


class Kind(NamedTuple):
    """What EC2 calls a resource in its errors, and the codes of an id of another form and of nothing."""

    what: str
    malformed: str
    not_found: str


KINDS = {
    "eni": Kind(
        "networkInterface ID", "InvalidNetworkInterfaceId.Malformed", "InvalidNetworkInterfaceID.NotFound"
    ),
    "subnet": Kind("subnet ID", "InvalidSubnetId.Malformed", "InvalidSubnetID.NotFound"),
    "vpc": Kind("vpc ID", "InvalidVpcId.Malformed", "InvalidVpcID.NotFound"),
    "i": Kind("instance ID", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    "sg": Kind("security group", "InvalidGroupId.Malformed", "InvalidGroup.NotFound"),
    "sgr": Kind(
        "security group rule ID",
        "InvalidSecurityGroupRuleId.Malformed",
        "InvalidSecurityGroupRuleId.NotFound",
    ),
    "rtb": Kind("routeTable ID", "InvalidRouteTableId.Malformed", "InvalidRouteTableID.NotFound"),
    "igw": Kind(
        "internetGateway ID", "InvalidInternetGatewayId.Malformed", "InvalidInternetGatewayID.NotFound"
    ),
    "eipalloc": Kind("allocation ID", "InvalidAllocationID.Malformed", "InvalidAllocationID.NotFound"),
    "eipassoc": Kind("association ID", "InvalidAssociationID.Malformed", "InvalidAssociationID.NotFound"),
    "eni-attach": Kind("attachment ID", "InvalidAttachmentID.Malformed", "InvalidAttachmentID.NotFound"),
}


def resource_id(kind: str, *names: str) -> str:
    """The id of what is known by these names: `subnet-0a1b...`, with 17 hex digits."""
    return f"{kind}-{sha256('/'.join((kind, *names)).encode()).hexdigest()[:17]}"


def not_found(kind: str, text: str) -> AwsError:
    """What EC2 answers when an id names nothing."""
    what, malformed, missing = KINDS[kind]
    if not re.fullmatch(rf"{kind}-[0-9a-z]+", text):
        return AwsError(malformed, f'Invalid id: "{text}" (expecting "{kind}-...")')
    return AwsError(missing, f"The {what} '{text}' does not exist")
