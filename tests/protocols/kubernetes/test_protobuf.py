"""Reading protobuf: what kubectl 1.32 has sent, and what nobody should send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.kubernetes.protobuf import MAGIC, Undecodable, decode

# `kubectl auth can-i create pods`, as kubectl 1.32 sent it
CAN_I = bytes.fromhex(
    "6b387300 0a32 0a17 617574686f72697a6174696f6e2e6b38732e696f2f7631"
    "1217 53656c665375626a656374416363657373526576696577"
    "123f 0a10 0a0012001a0022002a0032003800 4200 1221 0a1f"
    "0a07 64656661756c74 1206 637265617465 1a00 2200 2a04 706f6473 3200 3a00"
    "1a08 0800 1200 1a00 2000 1a00 2200".replace(" ", "")
)


def tag(number: int, payload: bytes | int) -> bytes:
    """A field, of less than 128 bytes."""
    if isinstance(payload, int):
        return bytes([number << 3, payload])
    return bytes([number << 3 | 2, len(payload)]) + payload


def sent(version: str, kind: str, message: bytes) -> bytes:
    head = tag(1, version.encode()) + tag(2, kind.encode())
    return MAGIC + tag(1, head) + tag(2, message)


def service(metadata: bytes) -> bytes:
    return sent("v1", "Service", tag(1, metadata))


def test_a_review_as_kubectl_sends_it():
    attributes = {"namespace": "default", "verb": "create", "resource": "pods"}
    assert decode(CAN_I) == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


def test_maps_lists_numbers_and_special_types():
    metadata = tag(1, b"web") + tag(11, tag(1, b"a") + tag(2, b"b")) + tag(8, tag(1, 60))
    port = tag(1, b"http") + tag(3, 80) + tag(4, tag(1, 1) + tag(3, b"http")) + tag(5, 0)
    other = tag(3, 81) + tag(4, tag(1, 0) + tag(2, 8))
    spec = tag(1, port) + tag(1, other) + tag(13, 0)
    assert decode(sent("v1", "Service", tag(1, metadata) + tag(2, spec))) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "labels": {"a": "b"}, "creationTimestamp": "1970-01-01T00:01:00Z"},
        "spec": {
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}, {"port": 81, "targetPort": 8}]
        },
    }


def test_a_zero_counts_where_it_was_meant():
    deployment = tag(2, tag(1, 0) + tag(5, 0))  # replicas is a pointer in Go, minReadySeconds is none
    assert decode(sent("apps/v1", "Deployment", deployment))["spec"] == {"replicas": 0}


def test_a_pod_of_a_go_client_has_an_empty_status():
    """Go writes the fields that are no pointers; `resize` is one of them."""
    status = b"".join(tag(number, b"") for number in (1, 3, 4, 5, 6, 9, 11, 14))
    pod = tag(1, tag(1, b"one")) + tag(2, tag(10, b"node-1")) + tag(3, status + tag(12, tag(1, b"10.0.0.1")))
    decoded = decode(sent("v1", "Pod", pod))
    assert (decoded["spec"], decoded["status"]) == ({"nodeName": "node-1"}, {"podIPs": [{"ip": "10.0.0.1"}]})


def test_fields_that_json_has_in_the_outer_object():
    rule = tag(1, b"a.example") + tag(2, tag(1, tag(1, tag(1, b"/"))))
    ingress = decode(sent("networking.k8s.io/v1", "Ingress", tag(2, tag(3, rule))))
    assert ingress["spec"]["rules"] == [{"host": "a.example", "http": {"paths": [{"path": "/"}]}}]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{}", "expected prefix [107 56 115 0]"),
        (MAGIC, 'no kind "" is registered'),
        (sent("v1", "Secret", b""), 'no kind "Secret" is registered for version "v1"'),
        (
            sent("v1", "ConfigMap", tag(31 % 16, b"")),
            "field 15 of ConfigMap is not known here; send JSON instead",
        ),
        (sent("v1", "ConfigMap", b"\x0a\x7f"), "unexpected EOF"),
        (MAGIC + b"\xff" * 12, "integer overflow"),
        (service(tag(8, b"\x08" + b"\xff" * 8 + b"\x7f")), "too large"),  # a Time beyond the year 9999
        (service(b"\x8a\x01\x0a\x3a\x08\x0a\x06{false"), "Expecting property name"),  # managedFields
        (service(b"\x8a\x01\x0e\x3a\x0c\x0a\x0a" + b"[" * 10), "Expecting value"),
    ],
)
def test_what_is_none(data: bytes, words: str):
    with pytest.raises(Undecodable) as caught:
        decode(data)
    assert words in str(caught.value)


@given(st.binary(max_size=60), st.integers(0, len(CAN_I)), st.booleans())
def test_junk_is_refused_or_is_an_object(junk: bytes, position: int, replaces: bool):
    rest = CAN_I[position + len(junk) :] if replaces else CAN_I[position:]
    try:
        assert isinstance(decode(MAGIC + (CAN_I[:position] + junk + rest)[len(MAGIC) :]), dict)
    except Undecodable:
        pass
