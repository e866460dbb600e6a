"""Which endpoints a Service has on a node, by kube-proxy's rules."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.service_proxy import Backend, ServiceTable, proxied
from actors.units import SECOND
from actors.wire import ipv4
from actors.wire.addresses import ip_bytes, ip_text

CLUSTER_IP = "172.20.0.9"


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "http", "nodePort": 30080}]
    return {
        "metadata": {"namespace": "default", "name": "web"},
        "spec": {"type": "NodePort", "clusterIP": CLUSTER_IP, "ports": ports, **spec},
    }


def endpoint(address: str, node: str = "node-1", **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "nodeName": node, "conditions": conditions}


def slice_of(*endpoints: dict[str, Any], port: int = 8080, name: str = "http") -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "default",
            "name": "web-x",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "ports": [{"name": name, "protocol": "TCP", "port": port}],
        "endpoints": list(endpoints),
    }


def table(*endpoints: dict[str, Any], node: str = "node-1", **spec: Any) -> ServiceTable:
    return proxied([service(**spec)], [slice_of(*endpoints)], node)


def inside(found: ServiceTable) -> list[str]:
    backend = found.find(ipv4.TCP, ip_bytes(CLUSTER_IP), 80, own=False)
    assert backend is not None
    return [ip_text(each.address) for each in backend.endpoints]


def outside(found: ServiceTable) -> list[str]:
    backend = found.find(ipv4.TCP, ip_bytes("10.0.10.10"), 30080, own=True)
    assert backend is not None
    return [ip_text(each.address) for each in backend.endpoints]


def test_ready_endpoints_are_used_at_the_slices_own_port():
    found = table(endpoint("10.0.0.1", ready=True), endpoint("10.0.0.2", ready=False), endpoint("10.0.0.3"))
    assert inside(found) == outside(found) == ["10.0.0.1", "10.0.0.3"]
    assert found.cluster_ips[ipv4.TCP, ip_bytes(CLUSTER_IP), 80].endpoints[0].port == 8080


def test_when_all_end_those_that_still_serve_are_used():
    ending = endpoint("10.0.0.1", ready=False, serving=True, terminating=True)
    deaf = endpoint("10.0.0.2", ready=False, serving=False, terminating=True)
    assert inside(table(ending, deaf)) == ["10.0.0.1"]
    assert inside(table(ending, deaf, endpoint("10.0.0.3", ready=True))) == ["10.0.0.3"]


def test_local_policies_keep_traffic_on_the_node():
    here, there = endpoint("10.0.0.1", "node-1", ready=True), endpoint("10.0.0.2", "node-2", ready=True)
    found = table(here, there, externalTrafficPolicy="Local")
    assert (inside(found), outside(found)) == (["10.0.0.1", "10.0.0.2"], ["10.0.0.1"])
    backend = found.node_ports[ipv4.TCP, 30080]
    assert not backend.masquerade and not backend.refuse
    assert inside(table(here, there, internalTrafficPolicy="Local", node="node-2")) == ["10.0.0.2"]
    assert table(here, there).node_ports[ipv4.TCP, 30080].masquerade


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName"}, {"clusterIP": None}])
def test_what_is_not_proxied(spec: dict[str, Any]):
    found = table(endpoint("10.0.0.1"), **spec)
    assert (found.cluster_ips, found.node_ports) == ({}, {})


def test_ports_are_told_apart_by_name():
    found = proxied([service()], [slice_of(endpoint("10.0.0.1"), name="metrics")], "node-1")
    assert inside(found) == []


def test_affinity_lasts_from_connection_to_connection_and_through_changes():
    affine = {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}}}
    before = table(*(endpoint(f"10.0.0.{n}") for n in range(1, 9)), **affine)
    dice, client = Random(1), ip_bytes("10.9.9.9")

    def choose(found: ServiceTable, at_s: int) -> str:
        backend = found.cluster_ips[ipv4.TCP, ip_bytes(CLUSTER_IP), 80]
        chosen = found.choose(backend, client, dice, at_s * SECOND)
        assert chosen is not None
        return ip_text(chosen.address)

    first = choose(before, 0)
    after = table(*(endpoint(f"10.0.0.{n}") for n in range(1, 10)), **affine).take_over(before)
    assert {choose(after, 50), choose(after, 100)} == {first}
    without = [endpoint(f"10.0.0.{n}") for n in range(1, 9) if f"10.0.0.{n}" != first]
    assert choose(table(*without, **affine).take_over(after), 110) != first


def test_nobody_is_chosen_when_there_is_nobody():
    assert ServiceTable().choose(Backend("x", (), False, True), b"", Random(1), 0) is None


@given(
    st.lists(
        st.tuples(
            st.integers(1, 250),
            st.sampled_from(["node-1", "node-2"]),
            *[st.sampled_from([None, True, False])] * 3,
        ),
        max_size=8,
        unique_by=lambda each: each[0],
    )
)
def test_whatever_conditions_endpoints_have_a_ready_one_is_never_passed_over(told: list[tuple[Any, ...]]):
    endpoints = []
    for number, node, *flags in told:
        named = zip(("ready", "serving", "terminating"), flags, strict=True)
        conditions = {name: flag for name, flag in named if flag is not None}
        endpoints.append(endpoint(f"10.0.0.{number}", node, **conditions))
    ready = [each["addresses"][0] for each in endpoints if each["conditions"].get("ready") is not False]
    used = inside(table(*endpoints))
    assert used == ready if ready else set(used) <= {each["addresses"][0] for each in endpoints}
