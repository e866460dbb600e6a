"""What is done with a request for a backend: the target groups that it goes to, or the answer that it gets."""

from collections.abc import Mapping
from typing import Any

from actors.protocols.load_balancer_controller import backends, target_groups
from actors.protocols.load_balancer_controller.annotations import BuildError
from actors.protocols.load_balancer_controller.groups import Member
from actors.protocols.load_balancer_controller.model import RESOURCE_TAG, Ref, TargetGroup

Object = dict[str, Any]


class Forwarding:
    """Actions of backends; `target_groups` by resource id are those that they need."""

    def __init__(self, around: target_groups.Surroundings, services: Mapping[str, Object]) -> None:
        """`services` by `namespace/name`."""
        self._around, self._services = around, services
        self.target_groups: dict[str, TargetGroup] = {}

    def action(self, member: Member, backend: Object) -> Object:
        """Raises `BuildError`."""
        name, port = service_of(backend), backend["service"].get("port") or {}
        if port.get("name") != backends.USE_ANNOTATION:
            return self._forward(member, [{"ServiceName": name, "ServicePort": _port_of(port)}], {})
        action = backends.action(member.annotations, name)
        if action is None:
            return backends.fixed_response(503, backends.NO_ACTION)
        if action["Type"] != "forward":
            return action
        config = action["ForwardConfig"]
        return self._forward(member, config["TargetGroups"], config)

    def _forward(self, member: Member, groups: list[Object], config: Object) -> Object:
        found = []
        for each in groups:
            arn = self._target_group(member, each)
            if arn is None:
                return backends.fixed_response(503, backends.NO_SERVICE)
            found.append({"TargetGroupArn": arn, "Weight": each.get("Weight", 1)})
        forward: Object = {"TargetGroups": found}
        if "TargetGroupStickinessConfig" in config:
            forward["TargetGroupStickinessConfig"] = config["TargetGroupStickinessConfig"]
        return {"Type": "forward", "ForwardConfig": forward}

    def _target_group(self, member: Member, named: Object) -> Ref | str | None:
        """None if the Service is not there."""
        if "TargetGroupARN" in named:
            return str(named["TargetGroupARN"])
        if "TargetGroupName" in named:
            raise BuildError(
                "targetGroupName in actions is not emulated: name the group by its targetGroupARN"
            )
        service = self._services.get(f"{member.ingress['metadata']['namespace']}/{named['ServiceName']}")
        if service is None:
            return None
        port = named["ServicePort"]
        port = int(port) if isinstance(port, str) and port.isdecimal() else port
        group = target_groups.build(self._around, member, service, port)
        group.tags[RESOURCE_TAG] = group.id
        self.target_groups.setdefault(group.id, group)
        return Ref(group.id)


def service_of(backend: Object) -> str:
    """The Service's name, or what stands for one in annotations. Raises `BuildError`."""
    reference = backend.get("service")
    if reference is None:
        raise BuildError("missing service in backend: resource backends are not supported")
    return str(reference["name"])


def _port_of(port: Object) -> int | str:
    found: int | str = port["name"] if port.get("name") else port["number"]
    return found
