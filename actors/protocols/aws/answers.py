"""What AWS answers: an output or an error, as status, headers and body, by the service's protocol."""

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from actors.protocols.aws import json_body, scalars, xml_body
from actors.protocols.aws.errors import AwsError

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape

XML, XML_OF_REST, JSON = "text/xml", "application/xml", "application/x-amz-json-1.1"
REQUEST_ID = "x-amzn-RequestId"


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


def succeed(operation: "OperationModel", output: dict[str, Any], request_id: str) -> Answer:
    """An operation's output, as its service's protocol has it."""
    service, shape = operation.service_model, operation.output_shape
    protocol, status = service.protocol, int(operation.http.get("responseCode", 200))
    if protocol == "json":
        body = json_body.write(shape, output)
        return Answer(status, {"Content-Type": JSON, REQUEST_ID: request_id}, body)
    headers = {"Content-Type": XML, REQUEST_ID: request_id}
    root = ElementTree.Element(f"{operation.name}Response", xmlns=_namespace(operation))
    if protocol == "query":
        result = xml_body.add(root, f"{operation.name}Result") if shape is not None else root
        if shape is not None:
            xml_body.write_members(shape, output, result)
        xml_body.add(xml_body.add(root, "ResponseMetadata"), "RequestId", request_id)
    elif protocol == "ec2":
        xml_body.add(root, "requestId", request_id)
        if shape is not None:
            xml_body.write_members(shape, output, root)
    elif shape is not None:
        headers |= _headers(shape, output)
        xml_body.write_members(shape, output, root)
    return Answer(status, headers, xml_body.text_of(root))


def _headers(shape: "Shape", output: dict[str, Any]) -> dict[str, str]:
    return {
        inner.serialization.get("name", member): scalars.write(inner, output[member])
        for member, inner in shape.members.items()
        if inner.serialization.get("location") == "header" and output.get(member) is not None
    }


def _namespace(operation: "OperationModel") -> str:
    service = operation.service_model
    shape = operation.input_shape
    of_input = {} if shape is None else shape.serialization.get("xmlNamespace") or {}
    fixed = f"https://{service.endpoint_prefix}.amazonaws.com/doc/{service.api_version}/"
    return str(service.metadata.get("xmlNamespace") or of_input.get("uri") or fixed)


def fail(service: "ServiceModel | None", error: AwsError, request_id: str) -> Answer:
    """An error, as the service's protocol has it; without a service, as most have it."""
    status, receiver = _status(service, error)
    protocol = "query" if service is None else service.protocol
    headers = {"Content-Type": XML, REQUEST_ID: request_id}
    if protocol == "json":
        body = json.dumps({"__type": error.code, "message": error.message}).encode()
        return Answer(status, {**headers, "Content-Type": JSON, "x-amzn-ErrorType": error.code}, body)
    if protocol == "ec2":
        root = ElementTree.Element("Response")
        node = xml_body.add(xml_body.add(root, "Errors"), "Error")
    else:
        namespace = "" if service is None else str(service.metadata.get("xmlNamespace") or "")
        root = ElementTree.Element("ErrorResponse", {"xmlns": namespace} if namespace else {})
        node = xml_body.add(root, "Error")
        xml_body.add(node, "Type", "Receiver" if receiver else "Sender")
    xml_body.add(node, "Code", error.code)
    xml_body.add(node, "Message", error.message)
    xml_body.add(root, "RequestID" if protocol == "ec2" else "RequestId", request_id)
    return Answer(status, headers, xml_body.text_of(root))


def _status(service: "ServiceModel | None", error: AwsError) -> tuple[int, bool]:
    """The status, and whether it is the receiver's fault: as the model says of this code, else as the error says."""
    if service is not None and error.status == 400:
        for shape in service.error_shapes:
            about = shape.metadata.get("error") or {}
            if error.code in (about.get("code"), shape.name):
                status = int(about.get("httpStatusCode", error.status))
                return status, not about.get("senderFault", status < 500)
    return error.status, error.status >= 500
