"""`aws-node` on one node, the Amazon VPC CNI: the plugin that wires pods, and ipamd, which keeps addresses ready.

How this works. The agent has no ports; it works by management calls. The kubelet executes the plugin (`call_cni`, see
`parts/aws_node/plugin.py`), which takes an address from ipamd's pool and writes into the node's kernel. ipamd
(`parts/aws_node/ipamd.py`) asks EC2 for addresses and interfaces ahead of need. Every few seconds what should stand in
the kernel is compared with what does. Which pod has which address is in a state file, so that a restart loses nothing.
"""

from copy import deepcopy
from typing import Any

from pydantic import Field

from actors.element import Context, Element, ElementConfig, ElementName
from actors.parts.aws_node.eni_actions import EniActions
from actors.parts.aws_node.env import Env
from actors.parts.aws_node.introspection import Introspection
from actors.parts.aws_node.ipamd import Ipamd
from actors.parts.aws_node.node_view import NodeView
from actors.parts.aws_node.plugin import Plugin
from actors.protocols import cni
from actors.protocols.cni import CniError
from actors.units import SECOND, Duration


class Config(ElementConfig):
    """The VPC CNI of one node."""

    node: ElementName = Field(description="the node whose pods it wires")
    vpc: ElementName = Field(
        default=ElementName("vpc"), description="the VPC that the node's network interfaces are in"
    )
    aws_api: ElementName = Field(
        default=ElementName("aws-api"), description="the AWS API that EC2's requests are sent to"
    )
    env: Env = Field(default=Env(), description="environment variables of aws-node")
    check_interval: Duration = Field(
        default=5 * SECOND, gt=0, description="how often the wiring is looked at"
    )


class CniAgent(Element):
    """Executes the CNI plugin for the kubelet, runs ipamd, and repairs what is missing."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        view = NodeView(context, config.node)
        actions = EniActions(context, config.vpc, config.aws_api, config.node)
        self.ipamd = Ipamd(context, config.env, actions, self._wire, view.max_pods, config.node)
        self.plugin = Plugin(context, config.env, self.ipamd, view)
        self.introspection = Introspection(config.env, self.ipamd, context.now_ns)

    async def start(self) -> None:
        self.context.spawn(self.ipamd.run(), "ipamd")
        self.context.spawn(self._keep_wired(), "keep wired")

    def on_frame(self, port: str, frame: bytes) -> None:
        """The agent is on no link."""

    async def _wire(self) -> None:
        await self.plugin.wire_node()

    async def _keep_wired(self) -> None:
        while True:
            await self.context.sleep(self.config.check_interval / SECOND)
            try:
                await self.plugin.keep()
            except (CniError, OSError) as error:
                self.context.metrics.counter("journey_cni_repair_failures_total").value += 1
                self.context.event("cni.repair", error=getattr(error, "details", "") or str(error))

    # ---- calls ---------------------------------------------------------------------------------------------

    async def call_cni(self, env: dict[str, str], stdin: Any) -> dict[str, Any]:
        """Execute the plugin: `code` is its exit code, `stdout` the result or the error object that it prints."""
        return await self.plugin.execute(env, stdin)

    async def call_conflist(self) -> dict[str, Any]:
        """`/etc/cni/net.d/10-aws.conflist`, with what the environment says in it."""
        conflist, env = deepcopy(cni.CONFLIST), self.config.env
        if env.AWS_VPC_ENI_MTU is not None:
            conflist["plugins"][0]["mtu"] = conflist["plugins"][1]["mtu"] = str(env.AWS_VPC_ENI_MTU)
        if env.AWS_VPC_K8S_CNI_VETHPREFIX is not None:
            conflist["plugins"][0]["vethPrefix"] = env.AWS_VPC_K8S_CNI_VETHPREFIX
        return conflist

    async def call_introspect(self, path: str = "/") -> Any:
        """What ipamd's introspection server shows at a path."""
        return self.introspection.answer(path)

    def inspect(self) -> dict[str, Any]:
        stats = self.ipamd.store.stats(self.context.now_ns())
        return {
            "node": self.config.node,
            "ready": self.ipamd.ready,
            "total_ip_addresses": stats.total,
            "assigned_ip_addresses": stats.assigned,
            "cooling_ip_addresses": stats.cooling,
            "network_interfaces": [
                {
                    "id": eni.id,
                    "device": eni.device,
                    "primary_address": eni.primary_address,
                    "prefixes": list(eni.prefixes),
                    "addresses": {
                        each.text: self.introspection.state(each)
                        for each in eni.all()
                        if each.text in eni.addresses or each.holder is not None
                    },
                }
                for eni in self.ipamd.store.enis.values()
            ],
            "attachments": [
                {"pod": holder.pod, "container_id": holder.key.container_id, "ifname": holder.key.ifname,
                 "netns": holder.netns, "address": assigned.address, "device": assigned.device}
                for holder, assigned in self.ipamd.store.holders()
            ],
        }  # fmt: skip
