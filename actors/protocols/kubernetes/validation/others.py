"""Config maps, controller revisions, events, the load balancer controller's own kinds."""

import base64
import binascii
import re
from typing import Any

from actors.protocols.kubernetes.validation.errors import IMMUTABLE, FieldErrors, go_map
from actors.protocols.kubernetes.validation.metadata import label_selector

Object = dict[str, Any]

DATA_SIZE = 1024 * 1024
_KEY = "[-._a-zA-Z0-9]+"


def config_map(value: Object, errors: FieldErrors) -> None:
    data, binary = value.get("data") or {}, value.get("binaryData") or {}
    size = 0
    for name, held in (("data", data), ("binaryData", binary)):
        for key, text in held.items():
            _key(key, f"{name}[{key}]", errors)
            size += len((text or "").encode()) if name == "data" else _decoded(text, f"{name}[{key}]", errors)
    for key in sorted(data.keys() & binary.keys()):
        errors.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    if size > DATA_SIZE:
        errors.too_long("", DATA_SIZE)


def _key(key: str, field: str, errors: FieldErrors) -> None:
    if len(key) > 253:
        errors.invalid(field, key, "must be no more than 253 characters")
    if not re.fullmatch(_KEY, key):
        text = (
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', "
            f" or 'KEY_NAME',  or 'key-name', regex used for validation is '{_KEY}')"
        )
        errors.invalid(field, key, text)
    elif key in (".", "..") or key.startswith(".."):
        errors.invalid(
            field, key, f"must not be '{key}'" if key in (".", "..") else "must not start with '..'"
        )


def _decoded(text: str, field: str, errors: FieldErrors) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        errors.invalid(field, text, "illegal base64 data")
        return 0


def config_map_update(old: Object, new: Object, errors: FieldErrors) -> None:
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        errors.forbidden("immutable", "field is immutable when `immutable` is set")
    for name in ("data", "binaryData"):
        if old.get(name) != new.get(name):
            errors.forbidden(name, "field is immutable when `immutable` is set")


def controller_revision(value: Object, errors: FieldErrors) -> None:
    if value.get("data") is None:
        errors.required("data", "data is mandatory")
    if (value.get("revision") or 0) < 0:
        errors.invalid("revision", value["revision"], "must be greater than or equal to 0")


def controller_revision_update(old: Object, new: Object, errors: FieldErrors) -> None:
    if old.get("data") != new.get("data"):
        errors.invalid("data", new.get("data"), IMMUTABLE)


def event(value: Object, errors: FieldErrors) -> None:
    involved = value.get("involvedObject") or {}
    namespace, of = (value.get("metadata") or {}).get("namespace"), involved.get("namespace") or ""
    if (of and of != namespace) or (not of and namespace not in ("default", "kube-system")):
        errors.invalid("involvedObject.namespace", of, "does not match event.namespace")
    if value.get("type") not in (None, "", "Normal", "Warning"):
        errors.invalid("type", value["type"], "has invalid value")


def ingress_class_params(value: Object, errors: FieldErrors) -> None:
    """What the definition of the resource says, and what the controller's webhook refuses."""
    spec = value.get("spec") or {}
    known = {
        "scheme": ("internal", "internet-facing"),
        "ipAddressType": ("ipv4", "dualstack", "dualstack-without-public-ipv4"),
        "targetType": ("instance", "ip"),
    }
    for name, supported in known.items():
        if spec.get(name) is not None and spec[name] not in supported:
            errors.not_supported(f"spec.{name}", spec[name], supported)
    label_selector(spec.get("namespaceSelector"), "spec.namespaceSelector", errors)
    subnets = spec.get("subnets")
    if subnets is not None and bool(subnets.get("ids")) == bool(subnets.get("tags")):
        if subnets.get("ids"):
            errors.forbidden("spec.subnets.tags", "may not have both `ids` and `tags` set")
        else:
            errors.required("spec.subnets", "must have either `ids` or `tags` specified")
    if spec.get("wafv2AclArn") and spec.get("wafv2AclName"):
        errors.forbidden("spec.wafv2AclArn", "cannot specify both wafv2AclArn and wafv2AclName")


def target_group_binding(value: Object, errors: FieldErrors) -> None:
    """What the definition of the resource says, and what the controller's webhook refuses."""
    spec = value.get("spec")
    if spec is None:
        errors.required("spec")
        return
    service = spec.get("serviceRef")
    if service is None:
        errors.required("spec.serviceRef")
    else:
        for name in ("name", "port"):
            if service.get(name) in (None, ""):
                errors.required(f"spec.serviceRef.{name}")
    arn = spec.get("targetGroupARN")
    if arn is None:
        errors.required("spec.targetGroupARN")
    elif not re.fullmatch(
        r"arn:aws[a-z-]*:elasticloadbalancing:[^:]+:[0-9]{12}:targetgroup/[^/]+/[^/]+", arn
    ):
        text = "must be a target group's ARN: arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>"
        errors.invalid("spec.targetGroupARN", arn, text)
    known = {
        "targetType": ("instance", "ip"),
        "ipAddressType": ("ipv4", "ipv6"),
        "targetGroupProtocol": ("HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP"),
    }
    for name, supported in known.items():
        if spec.get(name) is not None and spec[name] not in supported:
            errors.not_supported(f"spec.{name}", spec[name], supported)
    if spec.get("nodeSelector") is not None and spec.get("targetType") == "ip":
        errors.forbidden(
            "spec.nodeSelector", "TargetGroupBinding cannot set NodeSelector when TargetType is ip"
        )
    label_selector(spec.get("nodeSelector"), "spec.nodeSelector", errors)
    _networking(spec.get("networking") or {}, errors)


def _networking(networking: Object, errors: FieldErrors) -> None:
    for position, rule in enumerate(networking.get("ingress") or []):
        field = f"spec.networking.ingress[{position}]"
        for name in ("from", "ports"):
            if rule.get(name) is None:
                errors.required(f"{field}.{name}")
        for index, peer in enumerate(rule.get("from") or []):
            if (peer.get("ipBlock") is None) == (peer.get("securityGroup") is None):
                text = "exactly one of ipBlock and securityGroup must be specified"
                errors.invalid(f"{field}.from[{index}]", go_map({}), text)


def target_group_binding_update(old: Object, new: Object, errors: FieldErrors) -> None:
    """A binding keeps its target group (webhooks/elbv2/targetgroupbinding_validator.go)."""
    was, now = old.get("spec") or {}, new.get("spec") or {}
    for name in ("targetGroupARN", "targetType", "ipAddressType", "vpcID"):
        if was.get(name) is not None and was[name] != now.get(name):
            text = f"TargetGroupBinding update may not change these immutable fields: spec.{name}"
            errors.forbidden(f"spec.{name}", text)
