"""EC2's error codes that somebody decides by."""

SUBNET_IS_FULL = ("InsufficientFreeAddressesInSubnet", "InsufficientCidrBlocks")
"""No address, or no /28 block, is left in the subnet."""
