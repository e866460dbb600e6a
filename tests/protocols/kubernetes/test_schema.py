"""The schema, and the OpenAPI documents that are made of it."""

import json
from typing import Any

import pytest

from actors.protocols.kubernetes import schema
from actors.protocols.kubernetes.openapi_v3 import document, group_versions
from actors.protocols.kubernetes.resources import RESOURCES, Resource


def test_every_kind_and_what_goes_into_its_subresources_has_a_definition() -> None:
    for resource in RESOURCES:
        definition = schema.definition_of(resource.kind)
        assert resource.definition in (definition, None)
        kinds = schema.group_version_kind(definition)
        assert {"group": resource.group, "version": resource.version, "kind": resource.kind} in kinds
        for each in resource.subresources:
            assert schema.definition_of(each.kind) in schema.definitions()


def test_every_reference_leads_somewhere() -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, list):
            return [name for each in value for name in references(each)]
        if not isinstance(value, dict):
            return []
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [name for each in value.values() for name in references(each)]

    assert set(references(schema.definitions())) <= schema.definitions().keys()


def test_fields() -> None:
    found = schema.field("io.k8s.api.apps.v1.DeploymentSpec", "replicas")
    assert found is not None
    assert (found["type"], found["format"]) == ("integer", "int32")
    assert schema.field("io.k8s.api.apps.v1.DeploymentSpec", "replica") is None


def test_shapes() -> None:
    pod = schema.shape(schema.definition_of("Pod"))
    containers = pod.child("spec").child("containers")
    assert (containers.type, containers.list_type, containers.keys) == ("array", "map", ("name",))
    assert (containers.merge_key, containers.merges_lists, containers.atomic) == ("name", True, False)
    container = containers.items
    assert container.child("ports").keys == ("containerPort", "protocol")
    assert container.child("resources").child("limits").values.type == "quantity"
    assert container.child("livenessProbe").child("httpGet").child("port").type == "int-or-string"
    assert pod.child("metadata").child("labels").type == "map"
    assert pod.child("metadata").child("creationTimestamp").type == "time"
    assert pod.child("spec").child("nodeSelector").atomic
    assert pod.child("nothing") is schema.ANY
    assert schema.shape(schema.definition_of("Deployment")).child("spec").child("selector").atomic


def test_keys_of_list_items_have_defaults() -> None:
    keys = ("containerPort", "protocol")
    assert schema.key_of({"containerPort": 80}, keys) == (80, "TCP")
    assert schema.key_of({"protocol": "UDP"}, keys) is None
    assert schema.key_of("x", keys) is None


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.kind)
def test_documents_say_what_kubectl_looks_for(resource: Resource) -> None:
    found = document(resource.group_version)
    assert resource.root.removeprefix("/") in group_versions()
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    namespace = "{namespace}" if resource.namespaced else None
    path = found["paths"][resource.path(namespace, "{name}")]
    assert path.keys() == {"parameters", "get", "put", "patch", "delete"}
    for method in ("get", "put", "patch", "delete"):
        assert path[method]["x-kubernetes-group-version-kind"] == kind
    queries = [each["name"] for each in path["patch"]["parameters"] if each["in"] == "query"]
    assert {"fieldValidation", "fieldManager", "dryRun"} <= set(queries)
    own = found["components"]["schemas"][schema.definition_of(resource.kind)]
    assert kind in own["x-kubernetes-group-version-kind"]
    assert "strategic" not in json.dumps(path["patch"]["requestBody"]) or resource.definition is not None


@pytest.mark.parametrize("group_version", sorted({each.group_version for each in RESOURCES}))
def test_documents_are_whole_and_no_more(group_version: str) -> None:
    text = json.dumps(document(group_version))
    found = json.loads(text)
    prefix = "#/components/schemas/"
    names = {part.split('"')[0] for part in text.split(f'"$ref": "{prefix}')[1:]}
    kinds = set(found["components"]["schemas"])
    assert names <= kinds
    # What nothing refers to are the objects themselves, which are found by their kind.
    assert all(
        "x-kubernetes-group-version-kind" in found["components"]["schemas"][each] for each in kinds - names
    )
    ids = [
        operation["operationId"]
        for path in found["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(ids) == len(set(ids))


def test_a_group_version_that_is_not_served() -> None:
    with pytest.raises(KeyError):
        document("batch/v1")
