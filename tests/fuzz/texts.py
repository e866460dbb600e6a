"""Parsers of texts that strangers write: quantities, selectors, image names, scripts; of a load's answers; of SOCKS."""

from types import SimpleNamespace
from typing import Any

from actors.parts.kubernetes.apiserver.errors import ApiError
from actors.parts.load.line import ReadingLine
from actors.protocols.authentication import oidc
from actors.protocols.authentication.faults import Denied
from actors.protocols.kubelet import commands, images
from actors.protocols.kubernetes import quantity, selectors
from actors.protocols.socks5 import SocksServer
from tests.fuzz.parser import Parser, of_text, samples
from tests.fuzz.web import RESPONSES

_TOKENS = (
    b'{"access_token": "a", "id_token": "eyJhbGciOiAiUlMyNTYifQ'
    b'.eyJpc3MiOiAiaSIsICJhdWQiOiAiYyIsICJleHAiOiA5fQ.c2ln"}'
)
_PROVIDER = oidc.Provider("i", "", "", "", "c", "s", "AWSELBAuthSessionCookie", "openid", 60, (), "deny")


def line(data: bytes) -> None:
    """An answer to one request of a load, taken or counted as spoiled."""
    pool: Any = SimpleNamespace(
        ready=lambda line: None,
        gone=lambda line: None,
        run=SimpleNamespace(failed=lambda *_: None, answered=lambda *_: None),
    )
    transport: Any = SimpleNamespace(abort=lambda: None, close=lambda: None, write=lambda data: None)
    connection = ReadingLine(pool)
    connection.connection_made(transport)
    connection._arrival = SimpleNamespace(wanted=SimpleNamespace(is_head=False), alone=False)  # type: ignore[assignment]
    connection.data_received(data)


def socks(data: bytes) -> None:
    """A greeting and a request, which come in pieces."""
    server = SocksServer()
    for start in range(0, len(data), 7):
        _, outcome = server.feed(data[start : start + 7])
        if outcome is not None:
            return


PARSERS = (
    Parser(
        "protocols.socks5.SocksServer.feed",
        socks,
        samples(
            b"\x05\x01\x00\x05\x01\x00\x03\x12packet-journey.com\x01\xbb",
            b"\x05\x02\x00\x02\x05\x01\x00\x01\xc0\x00\x02\x02\x00\x35",
            b"\x05\x01\x00\x05\x03\x00\x04" + bytes(18),
        ),
        (),
    ),
    Parser("parts.load.line.Line.data_received", line, samples(*RESPONSES), ()),
    Parser(
        "protocols.authentication.oidc.read_tokens",
        lambda data: oidc.read_tokens(_PROVIDER, 200, data, 1),
        samples(_TOKENS),
        (Denied,),
    ),
    Parser(
        "protocols.kubernetes.quantity.parse",
        of_text(quantity.parse),
        samples(b"100m", b"1.5Gi", b"12e6", b"-3k"),
        (ValueError,),
    ),
    Parser(
        "protocols.kubernetes.selectors.parse_labels",
        lambda data: selectors.parse_labels(data.decode("latin-1"))({"a": "b"}),
        samples(b"a=b,c!=d,e in (f,g),h,!i", b"x.io/y==1"),
        (ApiError,),
    ),
    Parser(
        "protocols.kubernetes.selectors.parse_fields",
        lambda data: selectors.parse_fields("Pod", data.decode("latin-1"))({"metadata": {}}),
        samples(b"metadata.name=a,spec.nodeName!=b", b"status.phase=Running"),
        (ApiError,),
    ),
    Parser(
        "protocols.kubelet.images.parse",
        of_text(images.parse),
        samples(b"nginx", b"registry.k8s.io/a/b:1.2@sha256:" + b"ab" * 32),
        (ValueError,),
    ),
    Parser(
        "protocols.kubelet.commands.parse_script",
        lambda data: commands.parse_script(data.decode("latin-1"), {"A": "b"}),
        samples(b"echo \"$A ${A}\" && sleep 5; exit 1 || true\n'x y'"),
        (ValueError,),
    ),
)
