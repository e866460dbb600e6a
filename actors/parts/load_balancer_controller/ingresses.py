"""The Ingress controller: reconciles groups of Ingresses, each with one load balancer.

How this works (controllers/ingress/group_controller.go). Every change that may concern a group makes it due; some
workers take those that are due, never two of them the same one. What is to be is worked out anew each time from how
the cluster and AWS are now (a `Stack`), and the deployer does the difference. What fails is tried again after 5 ms,
10 ms, ... up to 16m40s.
"""

from typing import Any

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient, Object
from actors.parts.kubernetes.work_queue import WorkQueue
from actors.parts.load_balancer_controller.aws import Aws
from actors.parts.load_balancer_controller.deployer import Deployer
from actors.parts.load_balancer_controller.ingress_cluster import IngressCluster
from actors.parts.load_balancer_controller.ingress_paperwork import IngressPaperwork, StepFailed
from actors.parts.load_balancer_controller.reconciles import Reconciles
from actors.parts.load_balancer_controller.vpc import Vpc
from actors.protocols.aws.errors import AwsError
from actors.protocols.load_balancer_controller.annotations import BuildError
from actors.protocols.load_balancer_controller.build import build
from actors.protocols.load_balancer_controller.groups import Group, says_two_classes
from actors.protocols.load_balancer_controller.model import Stack

WORKERS = 3
"""`--ingress-max-concurrent-reconciles`."""
SYNC_POLL_S = 0.005
TWO_CLASSES = (
    "Ingress class is specified by both the annotation kubernetes.io/ingress.class and spec.ingressClassName: "
    "the annotation wins"
)


class Ingresses:
    """Makes load balancers of Ingresses."""

    def __init__(self, context: Context, client: KubeClient, aws: Aws, vpc: Vpc) -> None:
        self._context, self._aws, self._vpc = context, aws, vpc
        self._queue = WorkQueue(context, "ingress")
        self._cluster = IngressCluster(context, client, self._queue.add, self._complain)
        self._paperwork = IngressPaperwork(context, client)
        self._deployer = Deployer(context, client, aws, vpc.cluster)
        self._outcomes: dict[str, str] = {}
        """By group, once it has been reconciled: empty if that went well, else why it will not go well by itself."""
        self._load_balancers: dict[str, str] = {}
        self._active: set[str] = set()
        """Load balancers that are active: they stay so."""
        self._known: dict[str, Any] = {}
        self._reconciles = Reconciles(context, "ingress")
        self._busy: set[str] = set()

    def start(self) -> None:
        self._cluster.start()
        self._context.spawn(self._begin(), "ingresses")

    async def _begin(self) -> None:
        while not self._cluster.synced:
            await self._context.sleep(SYNC_POLL_S)
        self._cluster.touch_all()
        for number in range(WORKERS):
            self._context.spawn(self._work(), f"ingress worker {number}")

    async def _work(self) -> None:
        while True:
            group = await self._queue.get()
            self._busy.add(group)
            try:
                await self._try(group)
            finally:
                self._busy.discard(group)
                self._queue.done(group)

    async def _try(self, id: str) -> None:
        try:
            await self._reconcile(id)
        except BuildError as error:
            self._outcomes[id] = str(error)
        except (AwsError, ApiError, CallFailed, StepFailed) as error:
            self._outcomes.pop(id, None)
            self._reconciles.failed(error)
        else:
            self._outcomes[id] = ""
            self._queue.forget(id)
            return
        self._queue.again(id)

    # ---- one group -----------------------------------------------------------------------------------------

    async def _reconcile(self, id: str) -> None:
        self._reconciles.began()
        with self._reconciles.stage("fetch_ingress"):
            group = self._load(id)
        for member in group.members:
            if says_two_classes(member.ingress):
                self._paperwork.tell([member.ingress], "Warning", "ConflictingIngressClass", TWO_CLASSES)
        if not group.members and not group.leaving:
            self._forget(id)
            return
        with self._reconciles.stage("add_finalizers"):
            await self._paperwork.add_finalizers(group)
        load_balancer = await self._make(group)
        if load_balancer is not None:
            self._load_balancers[id] = load_balancer["LoadBalancerArn"]
            with self._reconciles.stage("update_ingress_status"):
                await self._paperwork.publish(group, load_balancer["DNSName"])
        if group.leaving:
            with self._reconciles.stage("remove_finalizers"):
                await self._paperwork.remove_finalizers(group)
        if not group.members:
            self._forget(id)
        members = [member.ingress for member in group.members]
        self._paperwork.tell(members, "Normal", "SuccessfullyReconciled", "Successfully reconciled")

    def _load(self, id: str) -> Group:
        try:
            return self._cluster.group(id)
        except BuildError as error:
            message = f"Failed build model due to {error}"
            self._tell_failure(self._cluster.members_of(id), "FailedBuildModel", message)
            raise

    async def _make(self, group: Group) -> Object | None:
        members = [member.ingress for member in group.members] or list(group.leaving)
        try:
            with self._reconciles.stage("build_model"):
                facts = await self._vpc.facts(group.members)
                stack = build(group, self._cluster.services, facts)
        except (BuildError, AwsError) as error:
            self._tell_failure(members, "FailedBuildModel", f"Failed build model due to {error}")
            raise
        try:
            with self._reconciles.stage("deploy_model"):
                load_balancer = await self._deployer.deploy(stack, facts)
                if not group.members and not self._cluster.has_members():
                    await self._deployer.security_groups.delete_backend(facts.security_groups)
        except (AwsError, ApiError) as error:
            self._tell_failure(members, "FailedDeployModel", f"Failed deploy model due to {error}")
            raise
        self._note(group, stack)
        return load_balancer

    def _tell_failure(self, members: list[Object], reason: str, message: str) -> None:
        self._paperwork.tell(members, "Warning", reason, message)

    def _note(self, group: Group, stack: Stack) -> None:
        self._known[group.id] = {
            "ingresses": [member.key for member in group.members],
            "load_balancer": stack.load_balancer.name if stack.load_balancer else None,
            "listeners": {str(each.port): len(each.rules) for each in stack.listeners},
            "target_groups": {each.id: each.parameters["Name"] for each in stack.target_groups},
        }

    def _forget(self, id: str) -> None:
        for known in (self._outcomes, self._load_balancers, self._known):
            known.pop(id, None)

    def _complain(self, ingress: Object, why: str) -> None:
        message = f"failed to load groupID for Ingress: {why}"
        self._paperwork.tell([ingress], "Warning", "FailedLoadGroupID", message)

    # ---- how it stands -------------------------------------------------------------------------------------

    async def is_settled(self) -> bool:
        """Whether every group is reconciled, and every load balancer active. Raises `AwsError`."""
        if not self._cluster.synced or len(self._queue) or self._busy:
            return False
        groups = self._cluster.groups()
        if any(group not in self._outcomes for group in groups):
            return False
        arns = [self._load_balancers[group] for group in groups if group in self._load_balancers]
        unsure = [arn for arn in arns if arn not in self._active]
        if unsure:
            answer = await self._aws.call("elbv2", "DescribeLoadBalancers", LoadBalancerArns=unsure)
            states = {each["LoadBalancerArn"]: each["State"]["Code"] for each in answer["LoadBalancers"]}
            self._active |= {arn for arn, state in states.items() if state == "active"}
        return self._active.issuperset(arns)

    def inspect(self) -> dict[str, Any]:
        return {
            id: {
                **self._known.get(id, {}),
                "reconciled": id in self._outcomes,
                "failure": self._outcomes.get(id) or None,
            }
            for id in self._cluster.groups()
        }
