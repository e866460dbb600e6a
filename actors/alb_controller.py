"""The AWS Load Balancer Controller: makes load balancers of Ingresses, and pods targets of them.

How this works. `parts/load_balancer_controller/ingresses.py` reconciles groups of Ingresses: `protocols/
load_balancer_controller/` works out what AWS must have for them, `deployer.py` does the difference. `bindings.py`
reconciles TargetGroupBindings, its own and users': who must be a target now is registered, who must not is
deregistered, pods with readiness gates are told. `webhook.py` gives pods these gates. It acts on AWS through its API
only, and knows nothing that it could not find out again.
"""

from typing import Any

from pydantic import Field

from actors.element import CallFailed, Context, Element, ElementConfig, ElementName
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.parts.load_balancer_controller.aws import Aws
from actors.parts.load_balancer_controller.bindings import Bindings
from actors.parts.load_balancer_controller.ingresses import Ingresses
from actors.parts.load_balancer_controller.vpc import Vpc
from actors.parts.load_balancer_controller.webhook import review
from actors.protocols.aws.errors import AwsError

USER = "system:serviceaccount:kube-system:aws-load-balancer-controller"


class Config(ElementConfig):
    """The controller of a cluster's load balancers."""

    kube_api: ElementName = Field(default=ElementName("kube-api"), description="the cluster's API server")
    aws_api: ElementName = Field(default=ElementName("aws-api"), description="AWS's API")
    cluster_name: str = Field(
        default="journey",
        min_length=1,
        max_length=100,
        pattern=r"^[0-9A-Za-z][-0-9A-Za-z_]*$",
        description="the cluster's name: a part of names and tags of all that is made in AWS (`--cluster-name`)",
    )
    vpc_id: str | None = Field(
        default=None,
        pattern=r"^vpc-[0-9a-f]{8,17}$",
        description="the VPC that the cluster is in (`--aws-vpc-id`); else the only one that there is",
    )


class AlbController(Element):
    """Reconciles Ingresses and TargetGroupBindings."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        client = KubeClient(context, config.kube_api, USER)
        aws = Aws(context, config.aws_api)
        vpc = Vpc(aws, config.vpc_id, config.cluster_name)
        self.ingresses = Ingresses(context, client, aws, vpc)
        self.bindings = Bindings(context, client, aws, vpc)

    async def start(self) -> None:
        self.bindings.start()
        self.ingresses.start()

    def on_frame(self, port: str, frame: bytes) -> None:
        """The controller is on no link."""

    async def call_review(self, request: dict[str, Any]) -> dict[str, Any]:
        """The mutating webhook `mpod.elbv2.k8s.aws`: an AdmissionReview of a new pod, answered with its gates."""
        return review(request, self.bindings.cluster)

    async def call_settled(self) -> bool:
        """Whether all Ingresses are reconciled, their load balancers active, all targets registered and well."""
        try:
            return await self.ingresses.is_settled() and await self.bindings.is_settled()
        except (ApiError, CallFailed, AwsError):
            return False

    def inspect(self) -> dict[str, Any]:
        """Groups of Ingresses with what was made of them; bindings with target groups and wanted targets."""
        return {"ingress_groups": self.ingresses.inspect(), "bindings": self.bindings.inspect()}
