"""What ipamd's introspection server (127.0.0.1:61679) shows. Source: pkg/ipamd/introspect.go."""

from typing import Any

from actors.element import CallFailed
from actors.parts.aws_node.env import Env
from actors.parts.aws_node.ipamd import Ipamd
from actors.protocols.ipam.datastore import Address, Eni

NETWORKING = (
    "AWS_VPC_K8S_CNI_EXTERNALSNAT",
    "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
    "AWS_VPC_ENI_MTU",
    "AWS_VPC_K8S_CNI_VETHPREFIX",
)


class Introspection:
    """Answers by path."""

    def __init__(self, env: Env, ipamd: Ipamd, now_ns: Any) -> None:
        self._env, self._ipamd, self._now_ns = env, ipamd, now_ns

    def answer(self, path: str) -> Any:
        """What is at a path. Raises `CallFailed` for one that there is not."""
        answers = {
            "/v1/enis": self._enis,
            "/v1/eni-configs": dict,  # no custom networking here
            "/v1/networkutils-env-settings": lambda: self._variables(of_networking=True),
            "/v1/ipamd-env-settings": lambda: self._variables(of_networking=False),
        }
        if path == "/":
            return {"AvailableCommands": list(answers)}
        if path not in answers:
            raise CallFailed(f"404 page not found: {path}; there are {', '.join(answers)}")
        return answers[path]()

    def _variables(self, *, of_networking: bool) -> dict[str, str]:
        values = self._env.model_dump(exclude_none=True)
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in values.items()
            if (name in NETWORKING) == of_networking
        }

    def _enis(self) -> dict[str, Any]:
        """By network card, of which there is one; whose an address is has not been shown since v1.23."""
        stats = self._ipamd.store.stats(self._now_ns())
        return {
            "0": {
                "TotalIPs": stats.total,
                "AssignedIPs": stats.assigned,
                "ENIs": {eni.id: self._eni(eni) for eni in self._ipamd.store.enis.values()},
            }
        }

    def _eni(self, eni: Eni) -> dict[str, Any]:
        singles = {f"{text}/32": [address] for text, address in eni.addresses.items()}
        return {
            "ID": eni.id,
            "IsPrimary": eni.is_primary,
            "DeviceNumber": eni.device,
            "AvailableIPv4Cidrs": {
                cidr: {
                    "Cidr": cidr,
                    "IsPrefix": cidr in eni.prefixes,
                    "IPAddresses": {each.text: self._address(each) for each in addresses},
                }
                for cidr, addresses in (*singles.items(), *eni.prefixes.items())
            },
        }

    def _address(self, address: Address) -> dict[str, Any]:
        return {
            "Address": address.text,
            "IPAMKey": {"networkName": "", "containerID": "", "ifName": ""},
            "State": self.state(address),
        }

    def state(self, address: Address) -> str:
        """`assigned`, `cooling` or `free`."""
        if address.holder is not None:
            return "assigned"
        cooldown_ns = self._env.IP_COOLDOWN_PERIOD * 10**9
        return "cooling" if address.cools(self._now_ns(), cooldown_ns) else "free"
