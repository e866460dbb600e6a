"""Elements ask AWS as the SDKs would: their parameters, and what they get, are what botocore's models say.

Real clients' requests are checked by the HTTP front; elements' are not, lest botocore be loaded for them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.parts.aws_api.models import model
from actors.parts.aws_api.plane import Plane
from actors.protocols.aws.answers import succeed
from actors.protocols.aws.checks import check
from actors.protocols.aws.errors import AwsError
from orchestrator.config import default_world, load_world
from orchestrator.simulation import build, furnish, settled

WORLD = load_world(default_world())
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/nginx"
INGRESS = "/apis/networking.k8s.io/v1/namespaces/default/ingresses/nginx"


def strangers(shape: Any, value: Any, where: str) -> Iterator[str]:
    """Members that are in an output and not in its shape."""
    if isinstance(value, dict) and shape.type_name == "structure":
        for member, inner in value.items():
            if member not in shape.members:
                yield f"{where}.{member}"
            elif inner is not None:
                yield from strangers(shape.members[member], inner, f"{where}.{member}")
    elif isinstance(value, list):
        for one in value:
            yield from strangers(shape.member, one, where)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What is wrong with each operation that elements ask for; nothing, if all is well."""
    found: dict[str, list[str]] = {}
    carry_out = Plane.request

    async def request(self: Plane, service: str, name: str, parameters: Any, caller: str) -> Any:
        operation = model(service).operation(name)
        faults = found.setdefault(f"{service} {name}", [])
        if operation is None:
            faults.append("there is no such operation")
        else:
            try:
                check(operation, parameters)
            except AwsError as error:
                faults.append(str(error))
        output = await carry_out(self, service, name, parameters, caller)
        if operation is not None:
            faults += strangers(operation.output_shape, output, name) if operation.output_shape else []
            succeed(operation, output, "an-id")
        return output

    monkeypatch.setattr(Plane, "request", request)
    return found


def test_all_that_elements_ask_for_is_as_the_models_say(asked: dict[str, list[str]], tmp_path: Path):
    furnish(WORLD, tmp_path)
    network = build(WORLD, 7, tmp_path)

    async def kubernetes(method: str, path: str, body: Any = None) -> None:
        answer = await network.host("kube-api").answer(
            "request",
            {
                "method": method,
                "path": path,
                "user": "tester",
                "body": body,
                "content_type": "application/merge-patch+json",
            },
        )
        assert answer["code"] < 300, answer

    async def story() -> None:
        assert not await settled(network, WORLD)
        for replicas in (120, 2):
            await kubernetes("PATCH", DEPLOYMENT, {"spec": {"replicas": replicas}})
            await network.host("laptop").sleep(40)
        await kubernetes("DELETE", INGRESS)
        await network.host("laptop").sleep(40)

    network.run(story())
    assert {operation: faults for operation, faults in asked.items() if faults} == {}
    expected = {
        "elbv2 CreateLoadBalancer",
        "elbv2 RegisterTargets",
        "elbv2 DeregisterTargets",
        "elbv2 DeleteLoadBalancer",
    }
    assert asked.keys() >= expected, sorted(asked)
