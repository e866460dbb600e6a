"""Listeners: the ports of a load balancer, their certificates, attributes and default rules."""

import re
from collections.abc import Mapping
from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2 import actions, attributes, tags
from actors.protocols.elbv2.names import is_arn, path_of
from actors.protocols.elbv2.rules import delete_rule, described
from actors.protocols.elbv2.state import Record, State, by_age
from actors.protocols.elbv2.validation import Parameters, between, invalid, misconfigured, page, required
from actors.protocols.elbv2.world import World

MAX_LISTENERS = 50
MAX_CERTIFICATES = 25
DEFAULT_POLICY = "ELBSecurityPolicy-2016-08"
"""What a listener gets that is made through the API without a policy (user guide, "Security policies")."""
_CERTIFICATE = re.compile(
    r"arn:aws:(acm:([a-z0-9-]+):\d{12}:certificate/[A-Za-z0-9-]+|iam::\d{12}:server-certificate/.+)"
)


class Listeners:
    """CreateListener and all that is about one."""

    def __init__(self, state: State, world: World) -> None:
        self._state, self._world = state, world

    # ---- create, modify, delete ----------------------------------------------------------------------------

    def create(self, parameters: Parameters) -> dict[str, Any]:
        """CreateListener. One that is there already with the same settings is the answer."""
        state = self._state
        load_balancer = state.load_balancer(required(parameters, "LoadBalancerArn"))
        arn = load_balancer["LoadBalancer"]["LoadBalancerArn"]
        settings = self._settings(parameters, {"LoadBalancerArn": arn})
        default = actions.checked(required(parameters, "DefaultActions"), settings["Protocol"])
        new_tags = tags.given(parameters)
        actions.check_groups(state, load_balancer, settings["Protocol"], default)
        for other in state.listeners_of(arn):
            if other["Listener"]["Port"] == settings["Port"]:
                return self._again(other, settings, default)
        if len(state.listeners_of(arn)) >= MAX_LISTENERS:
            raise AwsError(
                "TooManyListeners", "You've reached the limit on the number of listeners per load balancer"
            )
        path = path_of(arn)
        own = state.arn(f"listener/{path}/{state.new_id('listener', path)}")
        record = {
            "Listener": {"ListenerArn": own, **settings},
            "More": [],
            "Attributes": attributes.defaults(attributes.LISTENER),
            "Sequence": state.sequence(),
        }
        state.listeners.put(own, record)
        self._put_default(own, default)
        if new_tags:
            state.tags.put(own, new_tags)
        return {"Listeners": [self._described(record)]}

    def _again(
        self, other: Record, settings: Mapping[str, Any], default: list[actions.Action]
    ) -> dict[str, Any]:
        shown = self._described(other)
        wanted = {**settings, "DefaultActions": actions.without_secrets(default)}
        if any(shown.get(key) != value for key, value in wanted.items()):
            arn = settings["LoadBalancerArn"]
            raise AwsError(
                "DuplicateListener", f"A listener already exists on this port for this load balancer '{arn}'"
            )
        return {"Listeners": [shown]}

    def _put_default(self, listener: str, default: list[actions.Action]) -> None:
        path = path_of(listener)
        arn = self._state.arn(f"listener-rule/{path}/{self._state.new_id('rule', path)}")
        rule = {
            "RuleArn": arn,
            "Priority": "default",
            "Conditions": [],
            "Actions": default,
            "IsDefault": True,
        }
        self._state.rules.put(
            arn, {"Rule": rule, "ListenerArn": listener, "Sequence": self._state.sequence()}
        )

    def modify(self, parameters: Parameters) -> dict[str, Any]:
        """ModifyListener: what is not given stays."""
        state = self._state
        record = state.listener(required(parameters, "ListenerArn"))
        old = record["Listener"]
        load_balancer = state.load_balancer(old["LoadBalancerArn"])
        settings = self._settings(parameters, old)
        for other in state.listeners_of(old["LoadBalancerArn"]):
            if other["Listener"]["ListenerArn"] == old["ListenerArn"]:
                continue
            if other["Listener"]["Port"] == settings["Port"]:
                raise AwsError(
                    "DuplicateListener",
                    f"A listener already exists on this port for this load balancer '{old['LoadBalancerArn']}'",
                )
        default_rule = self._default_rule(old["ListenerArn"])
        existing = default_rule["Rule"]["Actions"]
        wanted = actions.with_existing_secrets(parameters.get("DefaultActions") or existing, existing)
        default = actions.checked(wanted, settings["Protocol"])
        actions.check_groups(
            state, load_balancer, settings["Protocol"], default, default_rule["Rule"]["RuleArn"]
        )
        self._check_rules(record, settings["Protocol"])
        new = {**record, "Listener": {"ListenerArn": old["ListenerArn"], **settings}}
        if settings["Protocol"] == "HTTP":
            new["More"] = []
        state.listeners.put(old["ListenerArn"], new)
        rule = {**default_rule["Rule"], "Actions": default}
        state.rules.put(rule["RuleArn"], {**default_rule, "Rule": rule})
        return {"Listeners": [self._described(new)]}

    def _check_rules(self, record: Record, protocol: str) -> None:
        """The other rules must go with the new protocol as well."""
        if protocol != record["Listener"]["Protocol"]:
            load_balancer = self._state.load_balancer(record["Listener"]["LoadBalancerArn"])
            for rule in self._state.rules_of(record["Listener"]["ListenerArn"])[:-1]:
                kept = actions.checked(rule["Rule"]["Actions"], protocol)
                actions.check_groups(self._state, load_balancer, protocol, kept)

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteListener, with its rules."""
        delete_listener(self._state, self._state.listener(required(parameters, "ListenerArn")))
        return {}

    def _settings(self, parameters: Parameters, old: Mapping[str, Any]) -> dict[str, Any]:
        """Port, protocol, policy and default certificate as a request leaves them."""
        protocol = parameters.get("Protocol") or old.get("Protocol")
        port = parameters.get("Port") or old.get("Port")
        if protocol is None:
            invalid("A protocol must be specified")
        if protocol not in ("HTTP", "HTTPS"):
            raise AwsError(
                "UnsupportedProtocol",
                f"Listener protocol '{protocol}' is not supported for load balancers with type 'application'",
            )
        if port is None:
            invalid("A port must be specified")
        if parameters.get("AlpnPolicy"):
            misconfigured("ALPN policies are not supported on load balancers with type 'application'")
        if (parameters.get("MutualAuthentication") or {}).get("Mode", "off") != "off":
            misconfigured("Mutual authentication is not supported by the nodes of this load balancer")
        settings = {
            "LoadBalancerArn": old["LoadBalancerArn"],
            "Port": between(port, "Port", 1, 65535),
            "Protocol": protocol,
        }
        if protocol == "HTTPS":
            return {**settings, **self._tls(parameters, old)}
        if parameters.get("Certificates"):
            invalid("Certificates cannot be specified for HTTP listeners")
        if parameters.get("SslPolicy"):
            invalid("An SSL policy cannot be specified for HTTP listeners")
        return settings

    def _tls(self, parameters: Parameters, old: Mapping[str, Any]) -> dict[str, Any]:
        policy = parameters.get("SslPolicy") or old.get("SslPolicy") or DEFAULT_POLICY
        if policy not in self._world.ssl_policies:
            raise AwsError("SSLPolicyNotFound", f"SSL policy '{policy}' not found")
        certificates = parameters.get("Certificates") or old.get("Certificates")
        if not certificates:
            invalid("A certificate must be specified for HTTPS listeners")
        if len(certificates) > 1:
            invalid("You can specify only one default certificate")
        return {"SslPolicy": policy, "Certificates": [{"CertificateArn": self._certificate(certificates[0])}]}

    def _certificate(self, certificate: Mapping[str, Any]) -> str:
        arn = certificate.get("CertificateArn")
        if certificate.get("IsDefault") is not None:
            invalid("You cannot set the isDefault parameter for a certificate")
        match = _CERTIFICATE.fullmatch(arn) if isinstance(arn, str) else None
        if match is None or match[2] not in (None, self._state.region):
            invalid(f"Certificate ARN '{arn}' is not valid")
        if self._world.certificates.domain(match[0]) is None:
            raise AwsError("CertificateNotFound", f"Certificate '{arn}' not found")
        return match[0]

    # ---- describe ------------------------------------------------------------------------------------------

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeListeners: of a load balancer, or by their ARNs."""
        load_balancer, arns = parameters.get("LoadBalancerArn"), parameters.get("ListenerArns")
        if bool(load_balancer) == bool(arns):
            invalid("You must specify either listener ARNs or a load balancer ARN")
        if load_balancer:
            self._state.load_balancer(load_balancer)
            records = self._state.listeners_of(load_balancer)
        else:
            assert arns is not None
            records = sorted((self._one(arn) for arn in dict.fromkeys(arns)), key=by_age)
        return page([(by_age(each), self._described(each)) for each in records], parameters, "Listeners")

    def _one(self, arn: Any) -> Record:
        if is_arn("listener", arn) and self._state.listeners.get(arn) is None:
            raise AwsError("ListenerNotFound", "One or more listeners not found")
        return self._state.listener(arn)

    def _described(self, record: Record) -> dict[str, Any]:
        listener = record["Listener"]
        default = self._default_rule(listener["ListenerArn"])
        off = {"MutualAuthentication": {"Mode": "off"}} if listener["Protocol"] == "HTTPS" else {}
        return {**listener, "DefaultActions": described(default)["Actions"], **off}

    def _default_rule(self, listener: str) -> Record:
        return self._state.rules_of(listener)[-1]

    # ---- certificates --------------------------------------------------------------------------------------

    def add_certificates(self, parameters: Parameters) -> dict[str, Any]:
        """AddListenerCertificates: those that are chosen by SNI. One that is there is not added again."""
        record = self._secure(parameters)
        arns = [self._certificate(each) for each in required(parameters, "Certificates")]
        default = record["Listener"]["Certificates"][0]["CertificateArn"]
        more = list(dict.fromkeys([*record["More"], *(arn for arn in arns if arn != default)]))
        load_balancer = record["Listener"]["LoadBalancerArn"]
        own = record["Listener"]["ListenerArn"]
        others = sum(
            len(each["More"])
            for each in self._state.listeners_of(load_balancer)
            if each["Listener"]["ListenerArn"] != own
        )
        if others + len(more) > MAX_CERTIFICATES:
            raise AwsError(
                "TooManyCertificates",
                "You've reached the limit on the number of certificates per load balancer",
            )
        self._state.listeners.put(record["Listener"]["ListenerArn"], {**record, "More": more})
        return {"Certificates": [{"CertificateArn": arn, "IsDefault": arn == default} for arn in arns]}

    def remove_certificates(self, parameters: Parameters) -> dict[str, Any]:
        """RemoveListenerCertificates; the default certificate stays."""
        record = self._secure(parameters)
        gone = [each.get("CertificateArn") for each in required(parameters, "Certificates")]
        if record["Listener"]["Certificates"][0]["CertificateArn"] in gone:
            raise AwsError("OperationNotPermitted", "You cannot remove the default certificate of a listener")
        more = [arn for arn in record["More"] if arn not in gone]
        self._state.listeners.put(record["Listener"]["ListenerArn"], {**record, "More": more})
        return {}

    def describe_certificates(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeListenerCertificates: the default one first."""
        record = self._state.listener(required(parameters, "ListenerArn"))
        default = [{**each, "IsDefault": True} for each in record["Listener"].get("Certificates", ())]
        more = [{"CertificateArn": arn, "IsDefault": False} for arn in record["More"]]
        return page(list(enumerate([*default, *more])), parameters, "Certificates")

    def _secure(self, parameters: Parameters) -> Record:
        record = self._state.listener(required(parameters, "ListenerArn"))
        if record["Listener"]["Protocol"] != "HTTPS":
            invalid("Certificates cannot be specified for HTTP listeners")
        return record


def delete_listener(state: State, record: Record) -> None:
    """Remove a listener with its rules and tags."""
    arn = record["Listener"]["ListenerArn"]
    for rule in state.rules_of(arn):
        delete_rule(state, rule)
    state.listeners.delete(arn)
    state.tags.delete(arn)
