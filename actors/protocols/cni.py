"""What the Amazon VPC CNI writes for a pod and for a node, and how it speaks to the kubelet (CNI specification 1.1).

How this works. The plugin says what must stand in the node's kernel (`pod_entries`, `node_entries`); comparing that
with what does stand there gives the changes to make (`repairs`). The same list serves ADD, DEL, CHECK, and the repair
after a restart of the node. Numbers and names are those of aws/amazon-vpc-cni-k8s: pkg/networkutils/network.go,
cmd/routed-eni-cni-plugin/.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from actors.protocols.netlink import Change, Entry, Link, Route, Rule, SnatChain, to_plain

CNI_VERSION = "1.1.0"
PLUGIN = "aws-cni"
GATEWAY = "169.254.1.1"
"""The pod's default gateway. Nobody has this address: the pod has a permanent ARP entry for it."""
MAIN_TABLE = 254
TO_POD_PRIORITY = 512
FROM_POD_PRIORITY = 1536
FROM_ENI_PRIORITY = 32_765
SNAT_CHAIN = "AWS-SNAT-CHAIN-0"

INVALID_VARIABLE = 4
TRY_AGAIN_LATER = 11
INTERNAL = 999
"""What libcni gives a plugin's plain error (pkg/types: ErrInternal)."""
NOT_AS_ADDED = 100
"""Codes from 100 on are the plugin's own: what ADD has made is no longer there."""


CONFLIST: dict[str, Any] = {
    "cniVersion": "0.4.0",
    "name": PLUGIN,
    "disableCheck": True,
    "plugins": [
        {
            "name": PLUGIN,
            "type": PLUGIN,
            "vethPrefix": "eni",
            "mtu": "9001",
            "podSGEnforcingMode": "strict",
            "pluginLogFile": "/var/log/aws-routed-eni/plugin.log",
            "pluginLogLevel": "DEBUG",
        },
        {
            "name": "egress-cni",
            "type": "egress-cni",
            "mtu": "9001",
            "enabled": "false",
            "randomizeSNAT": "prng",
            "nodeIP": "",
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": "fd00::ac:00/118"}]],
                "routes": [{"dst": "::/0"}],
                "dataDir": "/run/cni/v4pd/egress-v6-ipam",
            },
            "pluginLogFile": "/var/log/aws-routed-eni/egress-v6-plugin.log",
            "pluginLogLevel": "DEBUG",
        },
        {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
    ],
}
"""`/etc/cni/net.d/10-aws.conflist`, as aws-node writes it."""


class CniError(Exception):
    """What the plugin answers instead of a result: a code of the specification and a message."""

    def __init__(self, code: int, message: str, details: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def described(self, version: str = CNI_VERSION) -> dict[str, Any]:
        """The error object of the specification."""
        described = {"cniVersion": version, "code": self.code, "msg": self.message}
        return {**described, "details": self.details} if self.details else described


class Attachment(NamedTuple):
    """A pod's interface, known by (container id, interface name), in the namespace at the path `netns`."""

    container_id: str
    ifname: str
    netns: str
    pod: str
    address: str
    device: int
    mtu: int
    veth_prefix: str = "eni"

    @property
    def veth(self) -> str:
        return veth_name(self.pod, self.veth_prefix)

    @property
    def netns_name(self) -> str:
        return self.netns.rpartition("/")[2]

    @property
    def table(self) -> int:
        return table_of(self.device)


class NetworkInterface(NamedTuple):
    """An ENI of the node, as the instance's metadata describe it."""

    device: int
    address: str
    gateway: str


def veth_name(pod: str, prefix: str = "eni") -> str:
    """The name of the host's end of the pod's veth pair; `pod` is `namespace/name`."""
    return prefix + hashlib.sha1(pod.replace("/", ".", 1).encode()).hexdigest()[:11]


def table_of(device: int) -> int:
    """The route table of an ENI: main for the primary one, else its device number plus one (network card 0)."""
    return MAIN_TABLE if device == 0 else device + 1


def table_name(table: int) -> str:
    return "main" if table == MAIN_TABLE else str(table)


def pod_entries(attachment: Attachment) -> list[Entry]:
    """What stands in the node's kernel for a pod, in the order in which it is written."""
    pod = f"{attachment.address}/32"
    entries: list[Entry] = [
        Link(attachment.veth, attachment.netns_name, attachment.mtu),
        Route(pod, attachment.veth),
        Rule(TO_POD_PRIORITY, "main", dst=pod),
    ]
    if attachment.device:
        entries.append(Rule(FROM_POD_PRIORITY, table_name(attachment.table), src=pod))
    return entries


def node_entries(
    interfaces: Iterable[NetworkInterface], own_cidrs: Iterable[str], *, external_snat: bool
) -> list[Entry]:
    """What ipamd writes for the node itself: a table for each secondary ENI, and which packets lose their source.

    Towards `own_cidrs` they keep it: the VPC's, and AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS. With `external_snat` somebody
    else translates."""
    entries: list[Entry] = []
    for interface in interfaces:
        if interface.device == 0:
            if not external_snat:
                entries.append(SnatChain(SNAT_CHAIN, tuple(own_cidrs), interface.address))
            continue
        table, device = table_name(table_of(interface.device)), f"eth{interface.device}"
        entries += [
            Route(f"{interface.gateway}/32", device, table=table),
            Route("default", device, interface.gateway, table),
            Rule(FROM_ENI_PRIORITY, table, src=f"{interface.address}/32"),
        ]
    return entries


def repairs(wanted: Iterable[Entry], there: Iterable[Entry]) -> list[Change]:
    """The changes after which all that is wanted stands there."""
    known = set(there)
    return [Change("replace", entry) for entry in wanted if entry not in known]


def removals(attachment: Attachment, there: Iterable[Entry]) -> list[Change]:
    """The changes after which nothing of the pod is left, last written first; what is gone already is no error."""
    known = set(there)
    return [Change("del", entry) for entry in reversed(pod_entries(attachment)) if entry in known]


def plain(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [to_plain(change) for change in changes]


def add_result(attachment: Attachment) -> dict[str, Any]:
    """ADD's result, with the plugin's habit of hiding numbers in it for the DEL to come.

    The container interface's `mac` is the host's route table, a dummy interface has the VLAN (0: none) for its `mac`
    and the ENI's device number for its `sandbox`. The routes are those of the pod's own namespace."""
    return {
        "cniVersion": CNI_VERSION,
        "interfaces": [
            {"name": attachment.veth},
            {
                "name": attachment.ifname,
                "mac": str(attachment.table),
                "mtu": attachment.mtu,
                "sandbox": attachment.netns,
            },
            {"name": veth_name(attachment.pod, "dummy"), "mac": "0", "sandbox": str(attachment.device)},
        ],
        "ips": [{"address": f"{attachment.address}/32", "interface": 1}],
        "routes": [{"dst": f"{GATEWAY}/32", "scope": 253}, {"dst": "0.0.0.0/0", "gw": GATEWAY}],
        "dns": {},
    }
