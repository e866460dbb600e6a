"""How an element asks EC2: the control plane's management calls, with refusals raised as `Ec2Error`."""

from typing import Any

from actors.element import CallFailed, Context
from actors.protocols.ec2.errors import Ec2Error

UNREACHABLE = "RequestError"
"""The code of a request that nobody answered, as the AWS SDK has it."""


class Ec2Client:
    """`await ec2.request("assign_private_ip_addresses", network_interface_id=..., ...)`."""

    def __init__(self, context: Context, vpc: str) -> None:
        self._context, self._vpc = context, vpc

    async def request(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """The answer, with EC2's own names. Raises `Ec2Error`, also when EC2 is away (code RequestError)."""
        try:
            answer: dict[str, Any] = await self._context.call(self._vpc, verb, **arguments)
        except CallFailed as error:
            raise Ec2Error(UNREACHABLE, f"send request failed: {error}") from None
        if "error" in answer:
            raise Ec2Error(answer["error"]["code"], answer["error"]["message"])
        return answer
