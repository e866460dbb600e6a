"""Worlds as settings see them: an AWS API with load balancers and target groups, pods, an API server."""

from typing import Any

from actors.element import CallFailed

GROUP = {
    "load_balancing.algorithm.type": "least_outstanding_requests",
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
}
BALANCER = {"idle_timeout.timeout_seconds": "60", "load_balancing.cross_zone.enabled": "true"}


class FakeAws:
    """Answers `request` as the element aws_api does, for the operations that settings ask for."""

    def __init__(self, balancers: dict[str, list[str]]) -> None:
        """Load balancers with the names of their target groups."""
        self.balancers = balancers
        self.attributes = {
            **{f"arn:lb/{name}": dict(BALANCER) for name in balancers},
            **{f"arn:tg/{name}": dict(GROUP) for groups in balancers.values() for name in groups},
        }
        self.modified: list[tuple[str, dict[str, str]]] = []

    def kinds(self) -> dict[str, str]:
        return {"laptop": "laptop", "aws-api": "aws_api"}

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        assert (element, verb, arguments["service"]) == ("aws-api", "request", "elbv2")
        assert arguments["caller"] == "journey"
        return getattr(self, arguments["operation"])(**arguments["parameters"])

    def DescribeLoadBalancers(self) -> Any:
        return {
            "LoadBalancers": [
                {"LoadBalancerName": name, "LoadBalancerArn": f"arn:lb/{name}"} for name in self.balancers
            ]
        }

    def DescribeTargetGroups(self, LoadBalancerArn: str | None = None) -> Any:
        names = [
            group
            for balancer, groups in self.balancers.items()
            for group in groups
            if LoadBalancerArn in (None, f"arn:lb/{balancer}")
        ]
        return {
            "TargetGroups": [{"TargetGroupName": name, "TargetGroupArn": f"arn:tg/{name}"} for name in names]
        }

    def _describe(self, arn: str) -> Any:
        return {"Attributes": [{"Key": key, "Value": value} for key, value in self.attributes[arn].items()]}

    def DescribeLoadBalancerAttributes(self, LoadBalancerArn: str) -> Any:
        return self._describe(LoadBalancerArn)

    def DescribeTargetGroupAttributes(self, TargetGroupArn: str) -> Any:
        return self._describe(TargetGroupArn)

    def _modify(self, arn: str, attributes: list[dict[str, str]]) -> Any:
        values = {each["Key"]: each["Value"] for each in attributes}
        if values.get("load_balancing.algorithm.type") == "fastest":
            what = "Target group attribute value 'fastest' is not valid"
            return {"error": {"code": "ValidationError", "message": what, "status": 400}}
        self.modified.append((arn, values))
        self.attributes[arn] |= values
        return self._describe(arn)

    def ModifyLoadBalancerAttributes(self, LoadBalancerArn: str, Attributes: Any) -> Any:
        return self._modify(LoadBalancerArn, Attributes)

    def ModifyTargetGroupAttributes(self, TargetGroupArn: str, Attributes: Any) -> Any:
        return self._modify(TargetGroupArn, Attributes)


class FakePods:
    """Pods without an API server; they refuse what `Modes` refuses."""

    def __init__(self, *names: str) -> None:
        from actors.parts.pod.modes import Modes

        self.modes = {name: Modes() for name in names}

    def kinds(self) -> dict[str, str]:
        return dict.fromkeys(self.modes, "nginx_pod")

    async def call(self, element: str, verb: str, /, **settings: Any) -> Any:
        from actors.parts.pod.modes import BadMode

        assert verb == "set"
        modes = self.modes[element]
        try:
            return {"changed": modes.change(settings), "modes": modes.all()}
        except BadMode as error:
            raise CallFailed(f"{element}: {error}") from None
