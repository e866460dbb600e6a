"""What EC2 answers has the shape that botocore's model gives it: no field of another name, none of another type."""

from typing import Any

from botocore.validate import ParamValidator

from actors.parts.aws_api.ec2.service import KINDS
from actors.parts.aws_api.models import model
from tests.elements.ec2_bed import INSTANCE, NODE_ENI, NODES, PRIVATE, VPC, WEB, World, play

HTTP = {
    "IpProtocol": "tcp",
    "FromPort": 80,
    "ToPort": 80,
    "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "d"}],
}
PAIR = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": WEB}]}
TAGS = [{"Key": "a", "Value": "b"}]


async def everything(world: World) -> dict[str, dict[str, Any]]:
    """Each operation once, with its answer."""
    said: dict[str, dict[str, Any]] = {}

    async def ask(operation: str, **parameters: Any) -> dict[str, Any]:
        said[operation] = answer = await world.ask(operation, **parameters)
        return answer

    world.node_of_load_balancer()
    group = (await ask("CreateSecurityGroup", GroupName="g", Description="x", VpcId=VPC))["GroupId"]
    rules: dict[str, Any] = {"GroupId": group, "IpPermissions": [HTTP, PAIR]}
    for direction in ("Ingress", "Egress"):
        await ask(f"AuthorizeSecurityGroup{direction}", **{**rules, "IpPermissions": [HTTP]})
        await ask(f"UpdateSecurityGroupRuleDescriptions{direction}", **{**rules, "IpPermissions": [HTTP]})
        await ask(f"RevokeSecurityGroup{direction}", **{**rules, "IpPermissions": [HTTP]})
    await world.ask("AuthorizeSecurityGroupIngress", **rules)
    created = await ask("CreateNetworkInterface", SubnetId=PRIVATE, Groups=[NODES], Ipv4PrefixCount=1)
    eni: dict[str, Any] = {"NetworkInterfaceId": created["NetworkInterface"]["NetworkInterfaceId"]}
    attached = await ask("AttachNetworkInterface", **eni, InstanceId=INSTANCE, DeviceIndex=1)
    await ask("AssignPrivateIpAddresses", **eni, SecondaryPrivateIpAddressCount=1)
    address = said["AssignPrivateIpAddresses"]["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]
    await ask("ModifyNetworkInterfaceAttribute", **eni, Attachment={"DeleteOnTermination": True})
    given = await ask("AllocateAddress")
    association = await ask("AssociateAddress", AllocationId=given["AllocationId"], **eni)
    await ask(
        "CreateTags", Resources=[VPC, PRIVATE, eni["NetworkInterfaceId"], given["AllocationId"]], Tags=TAGS
    )
    for operation in world.ec2.operations:
        if operation.startswith("Describe") and operation != "DescribeNetworkInterfaceAttribute":
            await ask(operation)
    for attribute in ("attachment", "description", "groupSet", "sourceDestCheck"):
        await ask("DescribeNetworkInterfaceAttribute", NetworkInterfaceId=NODE_ENI, Attribute=attribute)
    await ask("DisassociateAddress", AssociationId=association["AssociationId"])
    await ask("ReleaseAddress", AllocationId=given["AllocationId"])
    await ask("UnassignPrivateIpAddresses", **eni, PrivateIpAddresses=[address])
    await ask("DetachNetworkInterface", AttachmentId=attached["AttachmentId"])
    await ask("DeleteNetworkInterface", **eni)
    await ask("DeleteTags", Resources=[VPC])
    await ask("DeleteSecurityGroup", GroupId=group)
    return said


def test_every_operation_answers_in_botocores_shape():
    async def story(world: World) -> None:
        said = await everything(world)
        assert set(said) == set(world.ec2.operations)
        known = model("ec2")
        for operation, answer in said.items():
            shape = known.operation(operation).output_shape
            if shape is None:
                assert answer == {}, operation
                continue
            assert not unknown(answer, shape, operation)
            report = ParamValidator().validate(answer, shape)
            assert not report.has_errors(), f"{operation}: {report.generate_report()}"

    play(story)


def unknown(value: Any, shape: Any, where: str) -> list[str]:
    """Fields that the model does not have, at any depth."""
    if shape.type_name == "structure":
        found = [f"{where}.{name}" for name in value if name not in shape.members]
        known = [(name, one) for name, one in value.items() if name in shape.members]
        return found + [
            each for name, one in known for each in unknown(one, shape.members[name], f"{where}.{name}")
        ]
    if shape.type_name == "list":
        return [each for one in value for each in unknown(one, shape.member, where)]
    return []


def test_every_operation_that_changes_something_has_its_kind_in_the_journal():
    async def story(world: World) -> None:
        await everything(world)
        changing = {name for name, each in world.ec2._operations.items() if each.changes}
        assert changing == set(KINDS)
        assert {record["kind"] for record in world.net.journal} >= set(KINDS.values())

    play(story)
