"""What a runtime may ask of the plugin, and with which code of the specification it is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols import cni_request
from actors.protocols.cni import CONFLIST, CniError

ENV = {
    "CNI_COMMAND": "ADD",
    "CNI_CONTAINERID": "c0ffee",
    "CNI_NETNS": "/run/netns/cni-c0ffee",
    "CNI_IFNAME": "eth0",
    "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=nginx-0",
    "CNI_PATH": "/opt/cni/bin",
}
CONF = {**CONFLIST["plugins"][0], "cniVersion": CONFLIST["cniVersion"]}


def test_the_conflist_of_the_node_is_a_request():
    request = cni_request.parse(ENV, CONF)
    assert (request.command, request.version, request.network) == ("ADD", "0.4.0", "aws-cni")
    assert (request.pod, request.netns_name) == ("default/nginx-0", "cni-c0ffee")


def test_del_needs_no_namespace_and_status_needs_next_to_nothing():
    without = {name: value for name, value in ENV.items() if name not in ("CNI_NETNS", "CNI_ARGS")}
    assert cni_request.parse({**without, "CNI_COMMAND": "DEL"}, CONF).netns == ""
    assert cni_request.parse({"CNI_COMMAND": "STATUS"}, {**CONF, "cniVersion": "1.1.0"}).command == "STATUS"
    assert cni_request.parse({"CNI_COMMAND": "VERSION"}, {"cniVersion": "0.3.1"}).version == "0.3.1"


@pytest.mark.parametrize(
    ("env", "conf", "code", "words"),
    [
        ({"CNI_COMMAND": "PAINT"}, {}, 4, "unknown CNI_COMMAND: PAINT"),
        ({"CNI_CONTAINERID": "", "CNI_IFNAME": ""}, {}, 4, "[CNI_CONTAINERID,CNI_IFNAME] missing"),
        ({"CNI_CONTAINERID": "-x"}, {}, 4, "invalid characters in containerID"),
        ({"CNI_IFNAME": "a/b"}, {}, 4, "contains / or :"),
        ({"CNI_IFNAME": "e" * 16}, {}, 4, "too long"),
        ({"CNI_NETNS": "/proc/1/ns/net"}, {}, 4, "CNI_NETNS"),
        ({"CNI_ARGS": "K8S_POD_NAME"}, {}, 4, "CNI_ARGS: invalid pair 'K8S_POD_NAME'"),
        ({}, {"cniVersion": "2.0.0"}, 1, "incompatible CNI versions"),
        ({"CNI_COMMAND": "STATUS"}, {"cniVersion": "1.0.0"}, 1, "does not allow STATUS"),
        ({"CNI_COMMAND": "GC"}, {"cniVersion": "1.0.0"}, 1, "does not allow GC"),
        ({}, {"ipam": {"type": "host-local"}}, 2, "unsupported field ipam"),
        ({}, {"cniVersion": 1}, 6, "decoding version"),
        ({}, {"name": ""}, 7, "missing network name"),
        ({}, {"name": "a b"}, 7, "invalid characters"),
        ({}, {"type": "bridge"}, 7, "type 'bridge' is not aws-cni"),
        ({}, {"vethPrefix": "longer"}, 7, "vethPrefix"),
        ({}, {"mtu": 9001}, 7, "mtu 9001"),
        ({}, {"mtu": "90"}, 7, "mtu '90'"),
    ],
)
def test_what_is_refused(env: dict[str, str], conf: dict[str, Any], code: int, words: str):
    with pytest.raises(CniError) as caught:
        cni_request.parse({**ENV, **env}, {**CONF, **conf})
    assert caught.value.code == code and words in caught.value.message


def test_a_pod_without_a_name_is_refused():
    with pytest.raises(CniError, match="K8S_POD_NAME is missing"):
        _ = cni_request.parse({**ENV, "CNI_ARGS": "K8S_POD_NAMESPACE=default"}, CONF).pod


def test_what_is_no_object_is_code_6():
    with pytest.raises(CniError) as caught:
        cni_request.parse(ENV, ["a"])
    assert caught.value.code == 6


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["cniVersion", "name", "type", "mtu", "vethPrefix", "ipam", "prevResult"])


@given(
    st.dictionaries(st.sampled_from(list(ENV)), st.text() | st.sampled_from(["ADD", "DEL", "GC"])),
    st.dictionaries(KEYS, JSON) | JSON,
)
def test_whatever_is_asked_is_a_request_or_an_error_of_the_specification(env: dict[str, str], conf: Any):
    try:
        whole = {**CONF, **conf} if isinstance(conf, dict) else conf
        cni_request.parse({**ENV, **env}, whole)
    except CniError as error:
        assert error.described()["code"] in (1, 2, 4, 6, 7)
