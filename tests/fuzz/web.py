"""The parsers of what travels in TCP: HTTP/1 and HTTP/2, cookies and tokens, bodies of the AWS and Kubernetes APIs."""

import base64
import json
from collections.abc import Iterable
from functools import cache
from random import Random
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from hpack import Decoder, Encoder, HPACKError

from actors.protocols import alb_log, desync, sticky_cookies
from actors.protocols.authentication import jwt, oidc, sealing
from actors.protocols.authentication.faults import Denied
from actors.protocols.aws import json_body, rest, xml_body
from actors.protocols.aws.scalars import Unreadable
from actors.protocols.http1 import BadResponse, RequestReader, ResponseReader
from actors.protocols.http2 import ClientEngine, ServerEngine
from actors.protocols.ipam import state_file
from actors.protocols.kubernetes import protobuf
from tests.fuzz.parser import Parser, check, of_text, samples

_REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: packet-journey.com\r\nAccept: */*\r\n\r\n",
    b"POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nCookie: AWSALB=abc; x=y\r\n\r\nhello"
    b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: t\r\n\r\n"
    b"5;x=y\r\nhello\r\n0\r\nt: 1\r\n\r\n",
    b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: eA==\r\n\r\n\x81\x05hello",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"OPTIONS * HTTP/1.0\r\nConnection: keep-alive, x-own\r\nX-Own: 1\r\nExpect: 100-continue\r\n\r\n",
)  # fmt: skip
RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi",
    b"HTTP/1.0 302 Found\r\nLocation: /x\r\nSet-Cookie: AWSALBAPP-0=a; Path=/\r\n\r\nuntil the end",
)


def _in_pieces(data: bytes) -> Iterable[bytes]:
    """Whole, or in two at a place that depends on the data."""
    cut = sum(data) % (2 * len(data) + 1) if data else 0
    return [data] if cut >= len(data) else [data[:cut], data[cut:]]


def requests(data: bytes) -> None:
    reader = RequestReader()
    for piece in _in_pieces(data):
        reader.feed(piece)
    check(len(reader.requests) <= 1 + len(data) // 16, "more requests than fit")


def responses(data: bytes) -> None:
    reader = ResponseReader()
    reader.expect(b"GET", upgrading=True)
    for piece in _in_pieces(data):
        reader.feed(piece)
    reader.end()


def head(data: bytes) -> None:
    desync.may_go_on(data)
    desync.examine(data)


# ---- HTTP/2 ------------------------------------------------------------------------------------------------


def _peer(client: bool) -> H2Connection:
    config = H2Configuration(client_side=client, header_encoding=None, validate_outbound_headers=False)
    connection = H2Connection(config)
    connection.initiate_connection()
    return connection


def h2_requests(dice: Random) -> list[bytes]:
    """A client's side of a connection."""
    head = [
        (b":method", b"POST"),
        (b":path", b"/"),
        (b":scheme", b"https"),
        (b":authority", b"a"),
        (b"cookie", b"a=b"),
    ]
    found = []
    for number in range(4):
        peer = _peer(True)
        peer.send_headers(1, [*head, (b"x", bytes([97 + number]) * 40 * number)], end_stream=number == 0)
        if number:
            peer.send_data(1, b"content" * number, end_stream=True, pad_length=number)
            peer.send_headers(3, head)
            peer.send_headers(3, [(b"trailer", b"t")], end_stream=True)
        if number > 1:
            peer.reset_stream(3)
            peer.ping(bytes(8))
            peer.increment_flow_control_window(1000)
        if number > 2:
            peer.close_connection(0)
        found.append(peer.data_to_send())
    return found


def h2_responses(dice: Random) -> list[bytes]:
    """A server's side of a connection, in which a client has asked twice."""
    found = []
    for number in range(4):
        peer = _peer(False)
        client = _asked()
        peer.receive_data(client.data_to_send())
        if number:
            peer.send_headers(1, [(b":status", b"100")])
        peer.send_headers(1, [(b":status", b"200"), (b"content-length", b"6")], end_stream=False)
        peer.send_data(1, b"answer", end_stream=number != 2)
        if number == 2:
            peer.send_headers(1, [(b"grpc-status", b"0")], end_stream=True)
        peer.send_headers(3, [(b":status", b"204")], end_stream=True)
        if number > 2:
            peer.close_connection(0)
        found.append(peer.data_to_send())
    return found


_GET = [(b":method", b"GET"), (b":path", b"/"), (b":scheme", b"https"), (b":authority", b"a")]


def _asked() -> ClientEngine:
    engine = ClientEngine(lambda event: None)
    for stream in (1, 3):
        engine.send_headers(
            stream,
            [(b":method", b"GET"), (b":path", b"/"), (b":scheme", b"https"), (b":authority", b"a")],
            True,
        )
    return engine  # fmt: skip


def h2_served(data: bytes) -> None:
    engine = ServerEngine(lambda event: None)
    for piece in _in_pieces(data):
        engine.receive_data(piece)
    engine.data_to_send()


def h2_answered(data: bytes) -> None:
    engine = _asked()
    for piece in _in_pieces(data):
        engine.receive_data(piece)
    engine.data_to_send()


_LARGEST_LIST = ServerEngine(lambda event: None).decoder.max_header_list_size


def hpack_in_headers(data: bytes) -> None:
    """A header block alone (RFC 7541), with the limit that our connections have."""
    Decoder(_LARGEST_LIST).decode(data, raw=True)


def hpack_blocks(dice: Random) -> list[bytes]:
    fields = [
        (b":method", b"GET"),
        (b":path", b"/index"),
        (b":scheme", b"https"),
        (b":authority", b"example.com"),
    ]
    encoder = Encoder()
    blocks = [encoder.encode(fields, huffman=huffman) for huffman in (True, False)]
    return [Encoder().encode([*fields, (b"x-long", b"value" * 50)]), Encoder().encode(fields), *blocks[:1]]


# ---- tokens, cookies, bodies -------------------------------------------------------------------------------


def _text(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def tokens(dice: Random) -> list[bytes]:
    parts = [json.dumps(each).encode() for each in ({"alg": "RS256", "kid": "k"}, {"iss": "i", "exp": 5})]
    return [b".".join((*map(_text, parts), b"c2ln")), b".".join((*parts, b"sig"))]


def token(data: bytes) -> None:
    """A token, or its parts as they are before they are base64url."""
    if data.startswith(b"{"):
        data = b".".join(map(_text, data.split(b".")))
    jwt.Token.read(jwt.bearer(b"Bearer " + data))


_JWKS = json.dumps(
    {"keys": [{"kty": "RSA", "kid": "k", "e": "AQAB", "n": "sXch" * 80}, {"kty": "EC"}]}
).encode()


@cache
def _sealed() -> tuple[sealing.Seal, bytes]:
    seal = sealing.Seal(bytes(32), "sessions")
    return seal, seal.seal({"a": [1, "b"]}, Random(1)).encode()


@cache
def _sticky() -> tuple[sticky_cookies.Seal, bytes]:
    seal = sticky_cookies.Seal("arn")
    return seal, seal.close("group", None, 1_700_000_000, Random(1))


@cache
def _operation(service: str, name: str) -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model(service).operation_model(name)


_CHANGE_BATCH = (
    b'<?xml version="1.0"?><ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'
    b"<ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet><Name>a.com</Name><Type>A</Type><TTL>60</TTL>"
    b"<ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
    b"</Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
)


def _xml(data: bytes) -> None:
    rest.read_request(_operation("route53", "ChangeResourceRecordSets"), {"Id": "Z1"}, (), data)


def _json(data: bytes) -> None:
    json_body.read(data, _operation("acm", "RequestCertificate").input_shape)


_POD = bytes.fromhex(
    "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f7631121753656c665375626a65637441636365737352657669657712"
    "3f0a100a0012001a0022002a0032003800420012210a1f0a0764656661756c7412066372656174651a0022002a04706f647332003a001a08"
    "080012001a0020001a002200"
)
_SERVICE = protobuf.MAGIC + (
    b"\x0a\x0d\x0a\x02v1\x12\x07Service\x12\x43"
    b"\x0a\x15\x0a\x03web\x5a\x06\x0a\x01a\x12\x01b\x42\x06\x08\xe0\xd4\x03\x10\x05"
    b"\x12\x2a\x0a\x14\x0a\x04http\x18\x50\x22\x08\x08\x01\x1a\x04http\x28\x00\x0a\x08\x18\x51\x22\x04\x08\x00\x10\x08\x3a\x08ClientIP"
)
_LOG = (
    b'https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 '
    b'0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 '
    b'TLSv1.2 arn:aws:x "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" '
    b'"arn:aws:acm:us-east-2:1:certificate/1" 1 '
    b'2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1 "-" "-" "-"'
)  # fmt: skip
_STATE = state_file.encode([], {"10.0.0.1": 5}).encode()
_COOKIES = (b"Cookie: a=b; AWSALB=xyz; c", b"cookie: AWSALBAUTH-0=1; AWSALBAUTH-1=2")


def _cookies(data: bytes) -> None:
    oidc.parse_cookies(data.split(b"\n"))
    sticky_cookies.cookies(data.split(b"\n"))
    sticky_cookies.sets_cookie(data.split(b"\n"), b"a")


PARSERS = (
    Parser("protocols.http1.requests.RequestReader.feed", requests, samples(*_REQUESTS), ()),
    Parser("protocols.http1.responses.ResponseReader.feed", responses, samples(*RESPONSES), (BadResponse,)),
    Parser("protocols.http2.ServerEngine.receive_data", h2_served, h2_requests, (ProtocolError,)),
    Parser("protocols.http2.ClientEngine.receive_data", h2_answered, h2_responses, (ProtocolError,)),
    Parser("protocols.http2 (HPACK)", hpack_in_headers, hpack_blocks, (HPACKError,)),
    Parser("protocols.desync.examine", head, samples(*_REQUESTS), ()),
    Parser("protocols.authentication.jwt.Token.read", token, tokens, (Denied,)),
    Parser(
        "protocols.authentication.jwt.read_jwks",
        lambda data: jwt.read_jwks(200, data),
        samples(_JWKS),
        (Denied,),
    ),
    Parser(
        "protocols.authentication.oidc.read_user_info",
        lambda data: oidc.read_user_info(200, data),
        samples(b'{"sub": "u", "n": [1, {"a": null}]}'),
        (Denied,),
    ),
    Parser("protocols.authentication.oidc.parse_cookies", _cookies, samples(*_COOKIES), ()),
    Parser(
        "protocols.authentication.sealing.Seal.open",
        lambda data: _sealed()[0].open(data.decode("latin-1")),
        lambda _: [_sealed()[1]],
        (ValueError,),
    ),
    Parser(
        "protocols.sticky_cookies.Seal.open",
        lambda data: _sticky()[0].open(data, ["group"]),
        lambda _: [_sticky()[1]],
        (),
    ),
    Parser(
        "protocols.aws.xml_body.parse",
        xml_body.parse,
        samples(_CHANGE_BATCH, b"<a><b>c</b></a>"),
        (Unreadable,),
    ),
    Parser("protocols.aws.rest.read_request", _xml, samples(_CHANGE_BATCH), (Unreadable,)),
    Parser(
        "protocols.aws.json_body.read",
        _json,
        samples(b'{"DomainName": "a.com", "Tags": [{"Key": "k", "Value": "v"}], "Options": {}}'),
        (Unreadable,),
    ),
    Parser(
        "protocols.kubernetes.protobuf.decode",
        protobuf.decode,
        samples(_POD, _SERVICE),
        (protobuf.Undecodable,),
    ),
    Parser("protocols.alb_log.parse", of_text(alb_log.parse), samples(_LOG), (alb_log.BadLine,)),
    Parser(
        "protocols.ipam.state_file.decode",
        of_text(state_file.decode),
        samples(_STATE),
        (state_file.StateFileError,),
    ),
)
