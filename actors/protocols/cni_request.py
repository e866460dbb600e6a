"""How a runtime executes a CNI plugin (CNI specification 1.1): environment, network configuration, and versions.

What is wrong is a `CniError` with the specification's code, worded as libcni's pkg/skel words it.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from actors.protocols import cni
from actors.protocols.cni import CniError

SUPPORTED_VERSIONS = ("0.4.0", "1.0.0", "1.1.0")
INCOMPATIBLE_VERSION, UNSUPPORTED_FIELD, DECODE_FAILURE, INVALID_CONFIG = 1, 2, 6, 7
NOT_AVAILABLE = 50
"""STATUS: the plugin cannot serve ADD."""
LIMITED = 51
"""STATUS: nor are pods that there are sure of their network."""
NETNS_DIRECTORIES = ("/run/netns/", "/var/run/netns/")
_NEEDS = {
    "ADD": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"),
    "DEL": ("CNI_CONTAINERID", "CNI_IFNAME"),
    "CHECK": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"),
    "VERSION": (),
    "STATUS": (),
    "GC": ("CNI_PATH",),
}
_SINCE = {"STATUS": "1.1.0", "GC": "1.1.0"}
_CONTAINER_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")


class Request(NamedTuple):
    """One execution: whose attachment it is about, and the configuration."""

    command: str
    version: str
    network: str
    container_id: str
    ifname: str
    netns: str
    arguments: dict[str, str]
    config: dict[str, Any]

    @property
    def netns_name(self) -> str:
        """The namespace's name: the last part of its path."""
        return self.netns.rpartition("/")[2]

    @property
    def pod(self) -> str:
        """`namespace/name`, from CNI_ARGS. Raises `CniError`."""
        for name in ("K8S_POD_NAMESPACE", "K8S_POD_NAME"):
            if not self.arguments.get(name):
                raise CniError(cni.INVALID_VARIABLE, f"CNI_ARGS: {name} is missing")
        return f"{self.arguments['K8S_POD_NAMESPACE']}/{self.arguments['K8S_POD_NAME']}"


def parse(env: Any, stdin: Any) -> Request:
    """What a runtime asks. Raises `CniError`."""
    if not isinstance(env, Mapping) or not all(isinstance(value, str) for value in env.values()):
        raise CniError(cni.INVALID_VARIABLE, "the environment maps names to texts")
    command = env.get("CNI_COMMAND", "")
    if command not in _NEEDS:
        raise CniError(cni.INVALID_VARIABLE, f"unknown CNI_COMMAND: {command}")
    if missing := [name for name in _NEEDS[command] if not env.get(name)]:
        raise CniError(cni.INVALID_VARIABLE, f"required env variables [{','.join(missing)}] missing")
    version = _version(stdin, command)
    if command != "VERSION":
        _check_config(stdin)
    container_id, ifname, netns = (
        env.get(name, "") for name in ("CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS")
    )
    if "CNI_CONTAINERID" in _NEEDS[command]:
        _check_attachment(container_id, ifname)
    if "CNI_NETNS" in _NEEDS[command] or (command == "DEL" and netns):
        _check_netns(netns)
    arguments = _arguments(env.get("CNI_ARGS", ""))
    return Request(command, version, stdin.get("name", ""), container_id, ifname, netns, arguments, stdin)


def _version(stdin: Any, command: str) -> str:
    if not isinstance(stdin, dict):
        raise CniError(DECODE_FAILURE, "error unmarshall network config: it is not a JSON object")
    version = stdin.get("cniVersion", "0.1.0")
    if not isinstance(version, str):
        raise CniError(DECODE_FAILURE, f"decoding version from network config: {version!r} is no text")
    if command == "VERSION":
        return version
    if version not in SUPPORTED_VERSIONS:
        supported = " ".join(SUPPORTED_VERSIONS)
        details = f'config is "{version}", plugin supports [{supported}]'
        raise CniError(INCOMPATIBLE_VERSION, "incompatible CNI versions", details)
    if version < _SINCE.get(command, version):
        raise CniError(INCOMPATIBLE_VERSION, f"config version does not allow {command}")
    return version


def _check_config(config: dict[str, Any]) -> None:
    name = config.get("name")
    if not name:
        raise CniError(INVALID_CONFIG, "missing network name:")
    if not isinstance(name, str) or not _CONTAINER_ID.fullmatch(name):
        raise CniError(INVALID_CONFIG, f"invalid characters found in network name: {name}")
    if config.get("type") != cni.PLUGIN:
        raise CniError(INVALID_CONFIG, f"type {config.get('type')!r} is not {cni.PLUGIN}")
    if "ipam" in config:
        raise CniError(
            UNSUPPORTED_FIELD, f"unsupported field ipam: {config['ipam']!r}; ipamd gives the addresses"
        )
    prefix = config.get("vethPrefix", "eni")
    if not isinstance(prefix, str) or not 0 < len(prefix) <= 4:
        raise CniError(INVALID_CONFIG, f"vethPrefix {prefix!r} has 1 to 4 characters")
    mtu = config.get("mtu", "9001")
    if not isinstance(mtu, str) or not mtu.isdecimal() or not 576 <= int(mtu) <= 9001:
        raise CniError(INVALID_CONFIG, f"mtu {mtu!r} is a text with a number from 576 to 9001")


def _check_attachment(container_id: str, ifname: str) -> None:
    if not _CONTAINER_ID.fullmatch(container_id):
        raise CniError(
            cni.INVALID_VARIABLE, f"invalid characters in containerID: {container_id}", "CNI_CONTAINERID"
        )
    if len(ifname) > 15:
        raise CniError(
            cni.INVALID_VARIABLE, "interface name is too long", f"CNI_IFNAME {ifname}: 15 characters at most"
        )
    if ifname in (".", "..") or "/" in ifname or ":" in ifname or ifname.split() != [ifname]:
        raise CniError(
            cni.INVALID_VARIABLE, "interface name contains / or : or whitespace characters", "CNI_IFNAME"
        )


def _check_netns(netns: str) -> None:
    for directory in NETNS_DIRECTORIES:
        name = netns.removeprefix(directory)
        if name != netns and name and "/" not in name:
            return
    raise CniError(cni.INVALID_VARIABLE, f"CNI_NETNS: {netns!r} is not the path of a network namespace")


def _arguments(text: str) -> dict[str, str]:
    arguments = {}
    for pair in filter(None, text.split(";")):
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise CniError(cni.INVALID_VARIABLE, f"CNI_ARGS: invalid pair {pair!r}")
        arguments[name] = value
    return arguments


def versions(version: str) -> dict[str, Any]:
    """VERSION's answer."""
    return {"cniVersion": version, "supportedVersions": list(SUPPORTED_VERSIONS)}


def in_version(result: dict[str, Any], version: str) -> dict[str, Any]:
    """An ADD result as an older version of the specification has it.

    Before 1.1 interfaces have no `mtu` and routes no `scope`; before 1.0 addresses say of which IP version they are."""
    result = {**result, "cniVersion": version}
    if version < "1.1.0":
        result["interfaces"] = [_without(each, "mtu") for each in result["interfaces"]]
        result["routes"] = [_without(each, "scope") for each in result["routes"]]
    if version < "1.0.0":
        result["ips"] = [{"version": "4", **each} for each in result["ips"]]
    return result


def _without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key != name}


def previous(request: Request) -> dict[str, Any]:
    """CHECK's `prevResult`: what ADD gave. Raises `CniError`."""
    result = request.config.get("prevResult")
    if not isinstance(result, dict):
        raise CniError(INVALID_CONFIG, "Required prevResult missing")
    if not all(isinstance(result.get(name, []), list) for name in ("interfaces", "ips", "routes")):
        raise CniError(DECODE_FAILURE, "could not parse prevResult: interfaces, ips and routes are lists")
    return result


def valid_attachments(request: Request) -> set[tuple[str, str]]:
    """GC's list of attachments that are to stay: (container id, interface name). Raises `CniError`."""
    listed = request.config.get("cni.dev/valid-attachments")
    if not isinstance(listed, list):
        raise CniError(INVALID_CONFIG, "cni.dev/valid-attachments is missing")
    try:
        return {(each["containerID"], each["ifname"]) for each in listed}
    except (KeyError, TypeError):
        raise CniError(DECODE_FAILURE, "a valid attachment has containerID and ifname") from None
