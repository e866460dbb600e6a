"""Our readers and writers of AWS's protocols against botocore's: what one writes, the other reads."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.parts.aws_api.models import model
from actors.protocols.aws import json_body, rest, scalars
from actors.protocols.aws.answers import fail, succeed
from actors.protocols.aws.errors import AwsError
from actors.protocols.aws.query import read_query

SERVICES = ("elbv2", "ec2", "route53", "acm", "sts")
EXAMPLES_OF_EC2 = 60
"""It has hundreds of operations, in a few forms; so many are drawn."""
DEPTH = 4

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=12)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT,
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "blob": st.binary(max_size=12),
    "timestamp": st.integers(0, 4_000_000_000).map(scalars.iso),
}


def values(shape: Any, depth: int = DEPTH) -> st.SearchStrategy[Any]:
    kind = shape.type_name
    if kind == "structure":
        members = {
            name: values(inner, depth - 1)
            for name, inner in shape.members.items()
            if inner.type_name in SCALARS or depth > 0
        }
        if shape.is_tagged_union:
            choices = [st.fixed_dictionaries({name: value}) for name, value in members.items()]
            return st.one_of(*choices) if choices else st.nothing()
        needed = [
            name for name, inner in shape.members.items() if inner.serialization.get("location") == "uri"
        ]
        optional = {name: value for name, value in members.items() if name not in needed}
        # a few of many members, or large shapes take for ever
        return (
            st.lists(st.sampled_from(sorted(optional)), unique=True, max_size=4).flatmap(
                lambda names: st.fixed_dictionaries({name: members[name] for name in [*needed, *names]})
            )
            if optional
            else st.fixed_dictionaries({name: members[name] for name in needed})
        )
    if kind == "list":
        return st.lists(values(shape.member, depth - 1), max_size=3) if depth > 1 else st.just([])
    if kind == "map":
        return st.dictionaries(TEXT, values(shape.value, depth - 1), max_size=3) if depth > 0 else st.just({})
    return SCALARS[kind]


def plain(value: Any) -> Any:
    """Without what the protocols do not write down (nothing in it), times as text."""
    if isinstance(value, dict):
        stripped = {key: plain(one) for key, one in value.items()}
        return {key: one for key, one in stripped.items() if one not in ({}, [])}
    if isinstance(value, list):
        return [one for one in map(plain, value) if one not in ({}, [])]
    return scalars.iso(value) if isinstance(value, datetime) else value


def read_back(known: Any, operation: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Our reading of what botocore has written."""
    if known.protocol == "json":
        assert request["headers"]["X-Amz-Target"] == f"{known.target_prefix}.{operation.name}"
        return json_body.read(request["body"], operation.input_shape)
    if known.protocol == "rest-xml":
        path = request["url_path"].partition("?")[0]
        found = rest.find(known.routes, request["method"], path)
        assert found is not None and found[0] == operation.name
        pairs = [(key, each) for key, each in request["query_string"].items()]
        texts = [(key, each if isinstance(each, str) else str(each)) for key, each in pairs]
        return rest.read_request(operation, found[1], texts, request["body"])
    form = [(key, str(text)) for key, text in request["body"].items()]
    assert urlencode(form)
    return read_query(form, operation.input_shape, ec2=known.protocol == "ec2")


OPERATIONS = [
    (service, name)
    for service in SERVICES
    if service != "ec2"
    for name in model(service).service.operation_names
]
EC2_OPERATIONS = st.sampled_from(model("ec2").service.operation_names)
FEW = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=EXAMPLES_OF_EC2, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("service, name", OPERATIONS)
@given(data=st.data())
@FEW
def test_we_read_what_botocore_writes(service: str, name: str, data: st.DataObject):
    reads_what_is_written(service, name, data)


@given(st.data())
@MANY
def test_we_read_what_botocore_writes_to_ec2(data: st.DataObject):
    reads_what_is_written("ec2", data.draw(EC2_OPERATIONS), data)


def reads_what_is_written(service: str, name: str, data: st.DataObject) -> None:
    known = model(service)
    operation = known.operation(name)
    assert operation is not None
    if operation.input_shape is None:
        return
    parameters = data.draw(values(operation.input_shape))
    serializer = create_serializer(known.protocol, include_validation=False)
    request = serializer.serialize_to_request(parameters, operation)
    assert plain(read_back(known, operation, request)) == plain(parameters)


@pytest.mark.parametrize("service, name", OPERATIONS)
@given(data=st.data())
@FEW
def test_botocore_reads_what_we_write(service: str, name: str, data: st.DataObject):
    writes_what_is_read(service, name, data)


@given(st.data())
@MANY
def test_botocore_reads_what_we_write_for_ec2(data: st.DataObject):
    writes_what_is_read("ec2", data.draw(EC2_OPERATIONS), data)


def writes_what_is_read(service: str, name: str, data: st.DataObject) -> None:
    known = model(service)
    operation = known.operation(name)
    assert operation is not None
    shape = operation.output_shape
    output = {} if shape is None else data.draw(values(shape))
    answer = succeed(operation, output, "an-id")
    headers = {key.lower(): value for key, value in answer.headers.items()} | answer.headers
    response = {"status_code": answer.status, "headers": headers, "body": answer.body}
    found = create_parser(known.protocol).parse(response, shape)
    assert found.pop("ResponseMetadata")["RequestId"] == "an-id"
    assert plain(found) == plain(output)


@pytest.mark.parametrize("service", SERVICES)
@given(text=TEXT)
@settings(max_examples=3, deadline=None)
def test_botocore_reads_our_errors(service: str, text: str):
    known = model(service)
    answer = fail(known.service, AwsError("SomeCode", text, 409), "an-id")
    response = {
        "status_code": answer.status,
        "headers": {key.lower(): value for key, value in answer.headers.items()},
        "body": answer.body,
    }
    parsed = create_parser(known.protocol).parse(response, None)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("SomeCode", text)
    assert parsed["ResponseMetadata"]["RequestId"] == "an-id"
    assert answer.status == 409
