"""ipamd: the loop that keeps addresses ready for a node's pods.

How this works. At first it reads what EC2 says of the node, and its own state file; then, every five seconds, it does
one thing about a pool that is too low or too high (`protocols/ipam/warm_pool.py`), and every minute compares what it
knows with what EC2 has. Pods never wait for it: an ADD gets an address that is here, or fails.
Source: StartNodeIPPoolManager and nodeInit, aws/amazon-vpc-cni-k8s pkg/ipamd/ipamd.go.
"""

from collections.abc import Awaitable, Callable

from actors.element import Context
from actors.parts.aws_node.allocations import Allocations
from actors.parts.aws_node.eni_actions import EniActions, Instance
from actors.parts.aws_node.env import Env
from actors.parts.aws_node.ipamd_metrics import IpamdMetrics
from actors.parts.aws_node.reconcile import Reconciler
from actors.protocols.aws.errors import AwsError
from actors.protocols.cni import CniError
from actors.protocols.ec2.errors import SUBNET_IS_FULL
from actors.protocols.instance_types import LIMITS, has_prefix_delegation
from actors.protocols.ipam.datastore import DataStore, IpamError
from actors.protocols.ipam.settings import (
    INSUFFICIENT_CIDR_NS,
    LEAKED_ENI_NS,
    LOOP_NS,
    RECONCILE_NS,
    SHRINK_NS,
)
from actors.protocols.ipam.warm_pool import AddEni, AssignAddresses, WarmPool
from actors.units import SECOND

FIRST_INIT_RETRY_S, INIT_RETRY_S = 0.02, 1.0
LEAK_CHECK_S = 3600.0
LONGEST_JITTER_S = 300.0
LIMIT_EXCEEDED = "PrivateIpAddressLimitExceeded"
ATTACHMENT_LIMIT = "AttachmentLimitExceeded"

Wire = Callable[[], Awaitable[None]]


class Ipamd:
    """The pool of one node. `wire` gives each ENI that is attached its route table before pods get addresses on it."""

    def __init__(
        self,
        context: Context,
        env: Env,
        actions: EniActions,
        wire: Wire,
        max_pods: Callable[[], Awaitable[int | None]],
        node: str = "",
    ) -> None:
        self._context, self._env, self._actions = context, env, actions
        self._wire, self._max_pods = wire, max_pods
        self.store = DataStore(env.IP_COOLDOWN_PERIOD * SECOND)
        self.allocations = Allocations(context, self.store)
        self.metrics = IpamdMetrics(context, self.store, node or context.name)
        self.instance: Instance | None = None
        self.pool: WarmPool | None = None
        self.ready = False
        self._reconciler = Reconciler(context, self.store, self.allocations, self.metrics)
        self._last_action_ns: int | None = None
        self._last_shrink_ns: int | None = None
        self._full_until_ns = 0

    @property
    def prefixes(self) -> bool:
        """Whether prefixes are delegated."""
        return self.pool is not None and self.pool.settings.prefix_delegation

    # ---- life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Begin, then look after the pool for ever."""
        began_ns = self._context.now_ns()
        wait_s = FIRST_INIT_RETRY_S
        while not await self._begin():
            await self._context.sleep(wait_s)
            wait_s = min(2 * wait_s, INIT_RETRY_S)
        self.metrics.initialized(self._context.now_ns() - began_ns)
        self.ready = True
        self._context.spawn(self._clean_up_leaks(), "leaked ENIs")
        while True:
            await self._context.sleep(LOOP_NS / 2 / SECOND)
            await self._attempt("updateIPPoolIfRequired", self._update_pool)
            await self._context.sleep(LOOP_NS / 2 / SECOND)
            await self._attempt("nodeIPPoolReconcile", self._reconcile)

    async def _begin(self) -> bool:
        """nodeInit: what there is; then the pool grows by its first step."""
        try:
            self.instance = await self._actions.instance()
            await self._wire()
        except (AwsError, CniError) as error:
            self._failed("nodeInit", error)
            return False
        await self._know_limits(self.instance)
        if not self.store.enis:
            allocations = self.allocations.load()
            for eni in self.instance.enis:
                self._reconciler.know(eni)
            self.allocations.restore(allocations)
        await self._attempt("nodeInit", self._grow)
        return True

    async def _know_limits(self, instance: Instance) -> None:
        limits, wanted = LIMITS[instance.type], self._env.ENABLE_PREFIX_DELEGATION
        nitro = has_prefix_delegation(instance.type)
        if wanted and not nitro:
            self._context.event("ipam.no_prefix_delegation", instance_type=instance.type)
        most = await self._max_pods() or limits.max_pods
        self.pool = WarmPool(limits, self._env.settings(prefix_delegation=wanted and nitro, max_pods=most))
        self.metrics.limits(self.pool)

    async def _attempt(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        try:
            with self.metrics.in_progress(name):
                await step()
        except (AwsError, CniError, IpamError, OSError) as error:
            self._failed(name, error)
        self.metrics.update()

    def _failed(self, name: str, error: Exception) -> None:
        self.metrics.error(name)
        self._context.event("ipam.error", step=name, error=str(error))

    # ---- the pool ------------------------------------------------------------------------------------------

    async def _update_pool(self) -> None:
        assert self.pool is not None
        now_ns = self._context.now_ns()
        if self.pool.is_low(self.store.stats(now_ns)):
            await self._grow()
        else:
            await self._shrink()
        await self._free_idle_eni()

    async def _grow(self) -> None:
        """One step: addresses for an ENI with room, else another ENI."""
        assert self.pool is not None
        now_ns = self._context.now_ns()
        if now_ns < self._full_until_ns:
            return
        step = self.pool.growth(self.store, now_ns)
        try:
            if isinstance(step, AssignAddresses):
                await self._assign(step)
            elif isinstance(step, AddEni):
                await self._add_eni(step)
        except AwsError as error:
            if error.code in SUBNET_IS_FULL:
                self._full_until_ns = self._context.now_ns() + INSUFFICIENT_CIDR_NS
            if error.code == ATTACHMENT_LIMIT:  # one that was asked for before a restart has come
                await self._look_at_ec2()
            raise

    async def _assign(self, step: AssignAddresses) -> None:
        try:
            added = await self._try_assign(step.eni, step.number)
        except AwsError as error:
            if error.code != LIMIT_EXCEEDED:
                raise
            # EC2 knows of more on this ENI than we do: find out what
            await self._look_at_ec2()
            return
        for each in added:
            self._add(step.eni, each)
        self._acted()

    async def _try_assign(self, eni: str, number: int) -> tuple[str, ...]:
        try:
            return await self._actions.assign(eni, number, prefixes=self.prefixes)
        except AwsError as error:
            if error.code == LIMIT_EXCEEDED or number == 1:
                raise
        return await self._actions.assign(eni, 1, prefixes=self.prefixes)

    async def _add_eni(self, step: AddEni) -> None:
        assert self.instance is not None
        eni = await self._actions.add_eni(self.instance, step.device, step.number, prefixes=self.prefixes)
        await self._wire()
        self._reconciler.know(eni)
        self._acted()

    async def _shrink(self) -> None:
        """One round of giving addresses back, not too often."""
        assert self.pool is not None
        now_ns = self._context.now_ns()
        if self._last_shrink_ns is not None and now_ns - self._last_shrink_ns < SHRINK_NS:
            return
        rounds = self.pool.shrinkage(self.store, now_ns)
        if not rounds:
            return
        self._last_shrink_ns = now_ns
        self.allocations.leave(address for each in rounds for address in each.addresses)
        for each in rounds:
            for address in each.addresses:
                if self.prefixes:
                    self.store.remove_prefix(each.eni, address)
                else:
                    self.store.remove_address(each.eni, address)
        for each in rounds:
            await self._actions.unassign(each.eni, each.addresses, prefixes=self.prefixes)
        self._acted()

    async def _free_idle_eni(self) -> None:
        assert self.pool is not None
        idle = self.pool.idle_eni(self.store, self._context.now_ns())
        if idle is None:
            return
        self.allocations.leave([idle.eni])
        self.store.remove_eni(idle.eni)
        for eni in (await self._actions.instance()).enis:
            if eni.id == idle.eni:
                await self._actions.free_eni(eni)
        await self._wire()
        self._acted()

    # ---- what EC2 has --------------------------------------------------------------------------------------

    async def _reconcile(self) -> None:
        last_ns = self._last_action_ns
        if last_ns is not None and self._context.now_ns() - last_ns <= RECONCILE_NS:
            return
        await self._look_at_ec2()
        self._acted()

    async def _look_at_ec2(self) -> None:
        self.instance = await self._actions.instance()
        if {eni.id for eni in self.instance.enis} != set(self.store.enis):
            await self._wire()
        self._reconciler.compare(self.instance.enis)
        self.metrics.reconciled()

    async def _clean_up_leaks(self) -> None:
        await self._context.sleep(self._context.random.random() * LONGEST_JITTER_S)
        while True:
            await self._attempt("cleanUpLeakedENIs", self._delete_leaked)
            await self._context.sleep(LEAK_CHECK_S)

    async def _delete_leaked(self) -> None:
        assert self.instance is not None
        for eni in await self._actions.leaked(self.instance.id, LEAKED_ENI_NS // SECOND):
            await self._actions.delete(eni)

    def _add(self, eni: str, each: str) -> None:
        if self.prefixes:
            self.store.add_prefix(eni, each)
        else:
            self.store.add_address(eni, each)

    def _acted(self) -> None:
        self._last_action_ns = self._context.now_ns()
