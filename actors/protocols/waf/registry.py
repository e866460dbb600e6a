"""What AWS WAF keeps for an account: IP sets, web ACLs, and which load balancer has which (the API `wafv2`).

Sans-IO: tables and dice are handed in; every operation takes the API's parameters and returns its answer, or raises
`AwsError` with the codes of the API reference (2019-07-29). Objects are kept as JSON; search strings, which are bytes
in the API, lie in base64 there (`packed`, `unpacked`).
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, Protocol

from actors.protocols.aws.errors import AwsError
from actors.protocols.waf.fields import Unsupported
from actors.protocols.waf.statements import check_cidr
from actors.protocols.waf.web_acl import WebAcl

Json = dict[str, Any]

_WEB_ACL_KEYS = ("DefaultAction", "Rules", "VisibilityConfig", "Description", "CustomResponseBodies")
_NOT_EMULATED = (
    "DataProtectionConfig",
    "CaptchaConfig",
    "ChallengeConfig",
    "TokenDomains",
    "AssociationConfig",
    "OnSourceDDoSProtectionConfig",
    "ApplicationConfig",
    "MonetizationConfig",
    "AnalyticsConfig",
)


class Table(Protocol):
    """JSON values by key, kept."""

    def items(self) -> Iterable[tuple[str, Any]]: ...

    def get(self, key: str) -> Any: ...

    def put(self, key: str, value: Any) -> None: ...

    def delete(self, key: str) -> None: ...


def packed(value: Any) -> Any:
    """The same as JSON: bytes become text, marked as such."""
    match value:
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case Mapping():
            return {key: packed(each) for key, each in value.items()}
        case list() | tuple():
            return [packed(each) for each in value]
    return value


def unpacked(value: Any) -> Any:
    """What `packed` was given."""
    match value:
        case {"base64": str(text)}:
            return base64.b64decode(text)
        case dict():
            return {key: unpacked(each) for key, each in value.items()}
        case list():
            return [unpacked(each) for each in value]
    return value


class WafRegistry:
    """The operations. `changed()` is called after each that changed something."""

    def __init__(
        self,
        ip_sets: Table,
        web_acls: Table,
        associations: Table,
        *,
        arn: Callable[[str], str],
        is_load_balancer: Callable[[str], bool],
        dice: Random,
        changed: Callable[[], None],
    ) -> None:
        """`arn(rest)` makes an ARN of this service; `is_load_balancer(arn)` knows the resources that there are."""
        self._ip_sets, self._web_acls, self._associations = ip_sets, web_acls, associations
        self._arn, self._is_load_balancer, self._dice, self._changed = arn, is_load_balancer, dice, changed
        self.operations: dict[str, Callable[[Json], Json]] = {
            "CreateIPSet": self._create_ip_set,
            "GetIPSet": lambda asked: self._answer("IPSet", self._found(self._ip_sets, asked)),
            "UpdateIPSet": self._update_ip_set,
            "DeleteIPSet": self._delete_ip_set,
            "ListIPSets": lambda asked: {"IPSets": self._summaries(self._ip_sets, asked)},
            "CreateWebACL": self._create_web_acl,
            "GetWebACL": self._get_web_acl,
            "UpdateWebACL": self._update_web_acl,
            "DeleteWebACL": self._delete_web_acl,
            "ListWebACLs": lambda asked: {"WebACLs": self._summaries(self._web_acls, asked)},
            "AssociateWebACL": self._associate,
            "DisassociateWebACL": self._disassociate,
            "GetWebACLForResource": self._of_resource,
            "ListResourcesForWebACL": self._resources,
        }

    # ---- IP sets -------------------------------------------------------------------------------------------

    def addresses(self) -> dict[str, list[str]]:
        """Of every IP set, by ARN."""
        return {arn: list(each["Addresses"]) for arn, each in self._ip_sets.items()}

    def _create_ip_set(self, asked: Json) -> Json:
        if asked["IPAddressVersion"] != "IPV4":
            raise _invalid("IP_ADDRESS_VERSION", asked["IPAddressVersion"], "only IPV4 is emulated")
        value = {"IPAddressVersion": "IPV4", "Addresses": _addresses(asked["Addresses"])}
        return self._create(self._ip_sets, "ipset", asked, value)

    def _update_ip_set(self, asked: Json) -> Json:
        kept = self._locked(self._ip_sets, asked)
        return self._update(self._ip_sets, kept, asked, {"Addresses": _addresses(asked["Addresses"])})

    def _delete_ip_set(self, asked: Json) -> Json:
        kept = self._locked(self._ip_sets, asked)
        users = [each["Name"] for _, each in self._web_acls.items() if kept["ARN"] in str(each.get("Rules"))]
        if users:
            raise AwsError("WAFAssociatedItemException", f"The IP set is used by the web ACL {users[0]}.")
        return self._delete(self._ip_sets, kept)

    # ---- web ACLs ------------------------------------------------------------------------------------------

    def _create_web_acl(self, asked: Json) -> Json:
        return self._create(self._web_acls, "webacl", asked, self._checked(asked))

    def _get_web_acl(self, asked: Json) -> Json:
        if "ARN" in asked:
            kept = self._web_acls.get(asked["ARN"])
            if kept is None:
                raise _nonexistent()
            return self._answer("WebACL", kept)
        return self._answer("WebACL", self._found(self._web_acls, asked))

    def _update_web_acl(self, asked: Json) -> Json:
        kept = self._locked(self._web_acls, asked)
        cleared = {key: kept[key] for key in kept if key not in _WEB_ACL_KEYS}
        return self._update(self._web_acls, cleared, asked, self._checked(asked))

    def _delete_web_acl(self, asked: Json) -> Json:
        kept = self._locked(self._web_acls, asked)
        if any(arn == kept["ARN"] for _, arn in self._associations.items()):
            raise AwsError("WAFAssociatedItemException", "The web ACL is associated with a resource.")
        return self._delete(self._web_acls, kept)

    def _checked(self, asked: Json) -> Json:
        """A web ACL that can be executed. Raises `AwsError`."""
        for key in _NOT_EMULATED:
            if asked.get(key):
                raise _invalid("WEB_ACL", key, "not emulated")
        value = {key: asked[key] for key in _WEB_ACL_KEYS if key in asked}
        try:
            WebAcl(value, self.addresses)
        except Unsupported as error:
            raise _invalid("STATEMENT", "Rules", str(error)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise _invalid("RULE", "Rules", str(error)) from None
        return {key: packed(each) for key, each in value.items()}

    # ---- load balancers ------------------------------------------------------------------------------------

    def web_acl_of(self, load_balancer: str) -> str | None:
        """The ARN of the web ACL that judges this load balancer's requests."""
        arn = self._associations.get(load_balancer)
        return None if arn is None else str(arn)

    def _associate(self, asked: Json) -> Json:
        if self._web_acls.get(asked["WebACLArn"]) is None:
            raise _nonexistent()
        if not self._is_load_balancer(asked["ResourceArn"]):
            message = "AWS WAF couldn\u2019t retrieve the resource that you requested. Retry your request."
            raise AwsError("WAFUnavailableEntityException", message)
        self._associations.put(asked["ResourceArn"], asked["WebACLArn"])
        self._changed()
        return {}

    def _disassociate(self, asked: Json) -> Json:
        if self._associations.get(asked["ResourceArn"]) is None:
            raise _nonexistent()
        self._associations.delete(asked["ResourceArn"])
        self._changed()
        return {}

    def _of_resource(self, asked: Json) -> Json:
        arn = self._associations.get(asked["ResourceArn"])
        return {} if arn is None else {"WebACL": _shown(self._web_acls.get(arn))}

    def _resources(self, asked: Json) -> Json:
        arns = [resource for resource, arn in self._associations.items() if arn == asked["WebACLArn"]]
        return {"ResourceArns": arns}

    # ---- what both have ------------------------------------------------------------------------------------

    def _create(self, table: Table, kind: str, asked: Json, value: Json) -> Json:
        if asked["Scope"] != "REGIONAL":
            raise _invalid("SCOPE", asked["Scope"], "a load balancer is REGIONAL")
        if any(each["Name"] == asked["Name"] for _, each in table.items()):
            message = (
                "AWS WAF could not perform the operation because some resource in your request is a duplicate"
            )
            raise AwsError("WAFDuplicateItemException", f"{message} of an existing one.")
        name, identity = asked["Name"], self._uuid()
        kept = {
            "Name": name,
            "Id": identity,
            "ARN": self._arn(f"regional/{kind}/{name}/{identity}"),
            "Description": asked.get("Description", ""),
            **value,
            "LockToken": self._uuid(),
        }
        table.put(kept["ARN"], kept)
        self._changed()
        return {"Summary": _summary(kept)}

    def _update(self, table: Table, kept: Json, asked: Json, value: Json) -> Json:
        described = {"Description": asked["Description"]} if "Description" in asked else {}
        after = {"Description": "", **kept, **described, **value, "LockToken": self._uuid()}
        table.put(after["ARN"], after)
        self._changed()
        return {"NextLockToken": after["LockToken"]}

    def _delete(self, table: Table, kept: Json) -> Json:
        table.delete(kept["ARN"])
        self._changed()
        return {}

    def _found(self, table: Table, asked: Json) -> Json:
        for _, kept in table.items():
            if (kept["Name"], kept["Id"]) == (asked.get("Name"), asked.get("Id")):
                return dict(kept)
        raise _nonexistent()

    def _locked(self, table: Table, asked: Json) -> Json:
        kept = self._found(table, asked)
        if kept["LockToken"] != asked["LockToken"]:
            message = "AWS WAF couldn\u2019t save your changes because someone changed the resource after you started"
            raise AwsError("WAFOptimisticLockException", f"{message} to edit it. Reapply your changes.")
        return kept

    def _answer(self, name: str, kept: Json) -> Json:
        return {name: _shown(kept), "LockToken": kept["LockToken"]}

    def _summaries(self, table: Table, asked: Json) -> list[Json]:
        return [_summary(kept) for _, kept in table.items()] if asked["Scope"] == "REGIONAL" else []

    def _uuid(self) -> str:
        digits = f"{self._dice.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _summary(kept: Json) -> Json:
    return {key: kept[key] for key in ("Name", "Id", "Description", "LockToken", "ARN")}


def _shown(kept: Json) -> Json:
    shown: Json = unpacked({key: value for key, value in kept.items() if key != "LockToken"})
    return shown


def _addresses(cidrs: list[str]) -> list[str]:
    try:
        return sorted({check_cidr(cidr) for cidr in cidrs})
    except ValueError as error:
        raise _invalid("IP_ADDRESS", "Addresses", str(error)) from None


def _invalid(field: str, parameter: str, reason: str) -> AwsError:
    message = f"Error reason: {reason}, field: {field}, parameter: {parameter}"
    return AwsError("WAFInvalidParameterException", message)


def _nonexistent() -> AwsError:
    message = "AWS WAF couldn\u2019t perform the operation because your resource doesn\u2019t exist."
    return AwsError("WAFNonexistentItemException", message)
