"""What EC2's API refuses, and how that looks in an answer over the management network."""

from typing import Any


class Ec2Error(Exception):
    """A request that was refused: `code` is one of EC2's error codes (EC2 API Reference, "Error codes")."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def described(self) -> dict[str, Any]:
        """The answer to a request that was refused."""
        return {"error": {"code": self.code, "message": self.message}}


SUBNET_IS_FULL = ("InsufficientFreeAddressesInSubnet", "InsufficientCidrBlocks")
"""No address, or no /28 block, is left in the subnet."""
