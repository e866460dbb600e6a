"""The environment variables of the `aws-node` container that mean something here, by their own names."""

from typing import Annotated

from pydantic import AfterValidator, Field

from actors.parts.config_fields import Part
from actors.protocols.ipam.settings import Settings
from actors.wire.addresses import Prefix


def _check_cidrs(text: str) -> str:
    for part in filter(None, text.split(",")):
        Prefix.parse(part.strip())
    return text


def _check_prefix(prefix: str | None) -> str | None:
    if prefix is not None and (
        not 0 < len(prefix) <= 4 or prefix in ("eth", "vlan", "lo") or not prefix.isalnum()
    ):
        raise ValueError(f"{prefix!r} is not 1 to 4 letters other than eth, vlan and lo")
    return prefix


class Env(Part):
    """As in the DaemonSet's manifest; a variable that is not among these is an error."""

    WARM_ENI_TARGET: int = Field(default=1, ge=0, description="ENIs' worth of addresses kept available")
    WARM_IP_TARGET: int | None = Field(
        default=None, ge=0, description="addresses kept available; overrides WARM_ENI_TARGET"
    )
    MINIMUM_IP_TARGET: int | None = Field(
        default=None, ge=0, description="addresses that the node has at least; overrides WARM_ENI_TARGET"
    )
    MAX_ENI: int | None = Field(
        default=None, ge=1, description="ENIs at most; the instance type's limit holds too"
    )
    WARM_PREFIX_TARGET: int = Field(
        default=1, ge=0, description="prefixes kept without any pod, when prefixes are delegated"
    )
    ENABLE_PREFIX_DELEGATION: bool = Field(
        default=False, description="each place of an ENI holds a /28; on Nitro instances only"
    )
    IP_COOLDOWN_PERIOD: int = Field(
        default=30, ge=0, description="seconds until a released address is given to another pod"
    )
    AWS_VPC_K8S_CNI_EXTERNALSNAT: bool = Field(
        default=False, description="somebody else translates the addresses of what leaves the VPC"
    )
    AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: Annotated[str, AfterValidator(_check_cidrs)] = Field(
        default="",
        description="destinations outside the VPC that see pods' own addresses, separated by commas",
    )
    AWS_VPC_ENI_MTU: int | None = Field(
        default=None,
        ge=576,
        le=9001,
        description="MTU of pods' interfaces; what the network configuration says (9001)",
    )
    AWS_VPC_K8S_CNI_VETHPREFIX: Annotated[str | None, AfterValidator(_check_prefix)] = Field(
        default=None,
        description="what veths' names begin with; what the network configuration says (eni)",
    )

    @property
    def excluded_cidrs(self) -> list[str]:
        cidrs = self.AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS.split(",")
        return [each.strip() for each in cidrs if each.strip()]

    def settings(self, *, prefix_delegation: bool, max_pods: int | None) -> Settings:
        """What decides about the pool."""
        return Settings(
            self.WARM_ENI_TARGET,
            self.WARM_IP_TARGET,
            self.MINIMUM_IP_TARGET,
            self.MAX_ENI,
            prefix_delegation,
            self.WARM_PREFIX_TARGET,
            max_pods,
        )
