"""Names: the first vectors are those of the controller's own unit tests."""

import pytest

from actors.protocols.load_balancer_controller import names


@pytest.mark.parametrize(
    ("cluster", "group", "scheme", "name"),
    [
        ("", "awesome-ns/ing-1", "internet-facing", "k8s-awesomen-ing1-43b698093c"),
        ("", "explicit-group", "internal", "k8s-explicitgroup-5bf9e53c23"),
        ("demo", "default/web", "internet-facing", "k8s-default-web-2d5e8838df"),
    ],
)
def test_a_load_balancer_is_named_after_its_group(cluster: str, group: str, scheme: str, name: str):
    assert names.load_balancer(cluster, group, scheme) == name


def test_a_target_group_is_named_after_its_service():
    service = ("ns-1", "name-1", "my-uuid")
    found = names.target_group("", "", ("ns-1", "name-1"), service, "http", 8080, "ip", "HTTP", "HTTP1")
    assert found == "k8s-ns1-name1-2c37289a00"


def test_security_groups():
    assert names.backend_security_group("my-cluster").startswith("k8s-traffic-mycluster-")
    assert names.managed_security_group("demo", "default/web").startswith("k8s-default-web-")
    assert len(names.load_balancer("c" * 100, "n" * 60 + "/" + "i" * 60, "internal")) == 32
