"""Listeners of a load balancer, and their rules."""

import asyncio
from typing import Any

from actors.parts.load_balancer_controller.aws import Aws, tag_list
from actors.protocols.aws.errors import AwsError
from actors.protocols.load_balancer_controller.model import Listener, Rule, Stack
from actors.protocols.load_balancer_controller.sameness import same_actions, same_conditions, with_ids

Object = dict[str, Any]


class Listeners:
    """Raises `AwsError`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def deploy(self, stack: Stack, load_balancer: str, is_new: bool, arns: dict[str, str]) -> None:
        """Bring the load balancer's listeners to what the stack has; `arns` are of target groups."""
        has: dict[int, Object] = {}
        if not is_new:
            listed = await self._aws.all(
                "elbv2", "DescribeListeners", "Listeners", LoadBalancerArn=load_balancer
            )
            has = {each["Port"]: each for each in listed}
        await self._delete("Listener", has, {each.port for each in stack.listeners})
        await asyncio.gather(
            *(self._deploy(each, load_balancer, has.get(each.port), arns) for each in stack.listeners)
        )

    async def _delete(self, kind: str, has: dict[int, Object], wanted: set[int]) -> None:
        """Delete the listeners, or rules, whose ports, or priorities, are not wanted."""
        arn = f"{kind}Arn"
        works = [
            self._aws.call("elbv2", f"Delete{kind}", **{arn: each[arn]})
            for key, each in has.items()
            if key not in wanted
        ]
        await asyncio.gather(*works)

    async def _deploy(
        self, listener: Listener, load_balancer: str, has: Object | None, arns: dict[str, str]
    ) -> None:
        default = with_ids(listener.default_actions, arns)
        if has is None:
            arn = await self._create(listener, load_balancer, default)
            certificates, rules = set[str](), list[Object]()
        else:
            arn = has["ListenerArn"]
            await self._change(listener, has, default)
            certificates, rules = await asyncio.gather(
                self._extra_certificates(listener, arn), self._rules(arn)
            )
        await asyncio.gather(
            self._set_certificates(listener, arn, certificates),
            self._set_rules(listener, arn, rules, arns),
            self._set_attributes(listener, arn),
        )

    async def _create(self, listener: Listener, load_balancer: str, default: list[Object]) -> str:
        answer = await self._aws.call(
            "elbv2",
            "CreateListener",
            LoadBalancerArn=load_balancer,
            Port=listener.port,
            Protocol=listener.protocol,
            DefaultActions=default,
            Tags=tag_list(listener.tags),
            **_tls(listener),
        )
        return str(answer["Listeners"][0]["ListenerArn"])

    async def _change(self, listener: Listener, has: Object, default: list[Object]) -> None:
        arn = has["ListenerArn"]
        first = [each["CertificateArn"] for each in has.get("Certificates") or ()][:1]
        is_as_wanted = (
            has["Protocol"] == listener.protocol
            and same_actions(has["DefaultActions"], default)
            and first == listener.certificates[:1]
            and (has.get("SslPolicy") or None) == listener.ssl_policy
        )
        if not is_as_wanted:
            await self._aws.call(
                "elbv2",
                "ModifyListener",
                ListenerArn=arn,
                Port=listener.port,
                Protocol=listener.protocol,
                DefaultActions=default,
                **_tls(listener),
            )
        tags = await self._aws.tags([arn])
        await self._aws.set_tags(arn, tags.get(arn, {}), listener.tags)

    # ---- certificates besides the default one, attributes --------------------------------------------------

    async def _extra_certificates(self, listener: Listener, arn: str) -> set[str]:
        if listener.protocol != "HTTPS":
            return set()
        listed = await self._aws.all("elbv2", "DescribeListenerCertificates", "Certificates", ListenerArn=arn)
        return {each["CertificateArn"] for each in listed if not each.get("IsDefault")}

    async def _set_certificates(self, listener: Listener, arn: str, has: set[str]) -> None:
        wanted = set(listener.certificates[1:])
        for operation, certificates in (
            ("AddListenerCertificates", wanted - has),
            ("RemoveListenerCertificates", has - wanted),
        ):
            for each in sorted(certificates):
                await self._aws.call(
                    "elbv2", operation, ListenerArn=arn, Certificates=[{"CertificateArn": each}]
                )

    async def _set_attributes(self, listener: Listener, arn: str) -> None:
        if not listener.attributes:
            return
        answer = await self._aws.call("elbv2", "DescribeListenerAttributes", ListenerArn=arn)
        has = {each["Key"]: each["Value"] for each in answer["Attributes"]}
        new = {key: value for key, value in listener.attributes.items() if has.get(key) != value}
        if new:
            await self._aws.call(
                "elbv2", "ModifyListenerAttributes", ListenerArn=arn, Attributes=tag_list(new)
            )

    # ---- rules ---------------------------------------------------------------------------------------------

    async def _rules(self, arn: str) -> list[Object]:
        listed = await self._aws.all("elbv2", "DescribeRules", "Rules", ListenerArn=arn)
        return [each for each in listed if not each.get("IsDefault")]

    async def _set_rules(self, listener: Listener, arn: str, has: list[Object], arns: dict[str, str]) -> None:
        """Rules are told apart by their priorities, as the controller does."""
        by_priority = {int(each["Priority"]): each for each in has}
        await self._delete("Rule", by_priority, {each.priority for each in listener.rules})
        await asyncio.gather(
            *(self._set_rule(rule, arn, by_priority.get(rule.priority), arns) for rule in listener.rules)
        )

    async def _set_rule(self, rule: Rule, listener: str, has: Object | None, arns: dict[str, str]) -> None:
        actions = with_ids(rule.actions, arns)
        if has is None:
            await self._aws.call(
                "elbv2",
                "CreateRule",
                ListenerArn=listener,
                Priority=rule.priority,
                Conditions=rule.conditions,
                Actions=actions,
                Tags=tag_list(rule.tags),
                **({"Transforms": rule.transforms} if rule.transforms else {}),
            )
        elif not _is_as_wanted(rule, has, actions):
            try:
                await self._aws.call(
                    "elbv2",
                    "ModifyRule",
                    RuleArn=has["RuleArn"],
                    Conditions=rule.conditions,
                    Actions=actions,
                    **_transforms(rule, has),
                )
            except AwsError as error:
                if error.code == "RuleNotFound":  # somebody else has deleted it
                    await self._set_rule(rule, listener, None, arns)
                else:
                    raise


def _is_as_wanted(rule: Rule, has: Object, actions: list[Object]) -> bool:
    return (
        same_conditions(has["Conditions"], rule.conditions)
        and same_actions(has["Actions"], actions)
        and (has.get("Transforms") or []) == rule.transforms
    )


def _transforms(rule: Rule, has: Object) -> Object:
    """What ModifyRule must be told of transforms: new ones take the place of all, none must be said."""
    if rule.transforms:
        return {"Transforms": rule.transforms}
    return {"ResetTransforms": True} if has.get("Transforms") else {}


def _tls(listener: Listener) -> Object:
    if listener.protocol != "HTTPS":
        return {}
    default = [{"CertificateArn": each} for each in listener.certificates[:1]]
    return {"SslPolicy": listener.ssl_policy, "Certificates": default}
