"""What a rule asks for before its request is let through: a valid token, or a user who is logged in.

How this works. A rule's `jwt-validation` and `authenticate-oidc` actions come before the one that ends it.
`Gates.admit` carries them out for one request: it returns the header lines that the target gets, or where the client is
sent, and raises `Denied` with the status, the access log's reason and a sentence. Identity providers are asked over the
emulated network, with the names that AWS's DNS knows and certificates of the emulator's authority.
"""

import hashlib
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from actors.element import Context
from actors.parts.https_client import Answer, HttpsClient, Resolve, Sockets, Unreachable
from actors.protocols.authentication import oidc
from actors.protocols.authentication.faults import Denied, Reason
from actors.protocols.authentication.gates import Gate
from actors.protocols.authentication.identity import FIELDS, Signer, identity_fields
from actors.protocols.authentication.jwt import MAX_JWKS_BYTES, Token, Validation, bearer, read_jwks, verify
from actors.protocols.authentication.oidc import IDP_TIMEOUT_S, MAX_CLAIMS, Provider, Session
from actors.protocols.authentication.sealing import Seal
from actors.units import SECOND

KEYS_LIVE_NS = 300 * SECOND
"""How long a node believes a JWKS; AWS does not say how long its own do."""
MAX_TOKENS = 64 * 1024


class Asked(NamedTuple):
    """A request, as far as its gates look at it. `host` is as the client named it, `url` the whole one."""

    host: str
    path: str
    query: str
    url: str
    lines: Sequence[bytes]

    def values(self, name: bytes) -> list[bytes]:
        """The values of all header fields of this (lower-case) name."""
        split = (line.partition(b":") for line in self.lines)
        return [value.strip() for field, _, value in split if field.lower() == name]

    def cookies(self) -> dict[str, str]:
        return oidc.parse_cookies(self.values(b"cookie"))


class Admitted(NamedTuple):
    """The request goes on, with these header lines for the target."""

    lines: list[bytes]


class Sent(NamedTuple):
    """The client is sent elsewhere (302), with these cookies."""

    location: str
    cookies: list[str]


class Gates:
    """The gates of one load balancer at this node."""

    def __init__(self, context: Context, stack: Sockets, resolve: Resolve, load_balancer_arn: str) -> None:
        # All nodes of a load balancer must read each other's cookies; those of another world must not be read.
        secret = hashlib.sha256(f"{load_balancer_arn} {_secret_of(context)}".encode()).digest()
        self._context = context
        self._secret = secret
        self._signer = Signer(secret, load_balancer_arn)
        tls = ssl.create_default_context(cafile=str(context.directory / "ca.pem"))
        self._client = HttpsClient(stack, tls, resolve)
        self._keys: dict[str, tuple[int, Mapping[str, Any]]] = {}

    async def admit(self, gates: Iterable[Gate], asked: Asked) -> Admitted | Sent:
        """Pass these gates one after the other. Raises `Denied`."""
        lines: list[bytes] = []
        for gate in gates:
            if isinstance(gate, Validation):
                await self._validate(gate, asked)
                continue
            passed = await self._authenticate(gate, asked)
            if isinstance(passed, Sent):
                return passed
            lines += passed.lines
        return Admitted(lines)

    def begun(self, query: bytes, gates: Iterable[Gate]) -> Provider | None:
        """The provider to which the user who comes back with this query was sent; None if it was none of these."""
        state = dict(parse_qsl(query.decode("latin-1"))).get("state", "")
        for gate in gates:
            if isinstance(gate, Provider):
                try:
                    self._seal(gate).open(state)
                except ValueError:
                    continue
                return gate
        return None

    def public_key(self) -> str:
        """With which targets verify `X-Amzn-Oidc-Data`, as PEM."""
        return self._signer.public_pem()

    # ---- tokens --------------------------------------------------------------------------------------------

    async def _validate(self, gate: Validation, asked: Asked) -> None:
        token = Token.read(bearer(next(iter(asked.values(b"authorization")), None)))
        verify(token, await self._jwks(gate.jwks_endpoint), gate, self._unix_s())

    async def _jwks(self, url: str) -> Mapping[str, Any]:
        known = self._keys.get(url)
        if known is not None and self._context.now_ns() < known[0]:
            return known[1]
        try:
            answer = await self._ask("GET", url, most_bytes=MAX_JWKS_BYTES)
        except (Unreachable, TimeoutError) as error:
            raise Denied(500, Reason.JWKS_UNREACHABLE, f"the JWKS endpoint {_why(error)}") from None
        keys = read_jwks(answer.status, answer.body)
        self._keys[url] = self._context.now_ns() + KEYS_LIVE_NS, keys
        return keys

    # ---- users ---------------------------------------------------------------------------------------------

    async def _authenticate(self, gate: Provider, asked: Asked) -> Admitted | Sent:
        seal = self._seal(gate)
        if asked.path == oidc.CALLBACK:
            return await self._take_back(gate, asked, seal)
        session = oidc.session_of(gate, asked.cookies(), seal, self._unix_s())
        if session is not None:
            return Admitted(identity_fields(gate, session, self._signer, self._unix_s()))
        match gate.on_unauthenticated:
            case "allow":
                return Admitted([])
            case "deny":
                raise Denied(
                    401, Reason.DENIED, "the client is not logged in, and the rule denies such requests"
                )
        login = oidc.login(gate, asked.url, asked.host, seal, self._context.random, self._unix_s())
        return Sent(login.location, [login.set_cookie])

    def _seal(self, gate: Provider) -> Seal:
        return Seal(self._secret, f"session {gate.issuer} {gate.client_id}")

    async def _take_back(self, gate: Provider, asked: Asked, seal: Seal) -> Sent:
        """A user comes back from the provider: fetch tokens and claims, and begin a session."""
        back = oidc.returned(asked.query, asked.cookies(), seal, self._unix_s())
        fields, form = oidc.token_request(gate, back.code, asked.host)
        try:
            answer = await self._ask("POST", gate.token_endpoint, fields, form, most_bytes=MAX_TOKENS)
        except (Unreachable, TimeoutError) as error:
            reason = Reason.TOKEN_TIMEOUT if isinstance(error, TimeoutError) else Reason.TOKEN_FAILED
            raise Denied(500, reason, f"the provider's token endpoint {_why(error)}") from None
        tokens = oidc.read_tokens(gate, answer.status, answer.body, self._unix_s())
        claims = await self._user_info(gate, tokens.access_token)
        ends_s = self._unix_s() + gate.session_timeout_s
        session = Session(tokens.access_token, claims, ends_s)
        return Sent(back.url, oidc.session_cookies(gate, session, seal, self._context.random))

    async def _user_info(self, gate: Provider, access_token: str) -> dict[str, Any]:
        fields = {"Authorization": f"Bearer {access_token}"}
        try:
            answer = await self._ask("GET", gate.user_info_endpoint, fields, most_bytes=MAX_CLAIMS)
        except (Unreachable, TimeoutError) as error:
            reason = Reason.USER_INFO_TIMEOUT if isinstance(error, TimeoutError) else Reason.USER_INFO_FAILED
            raise Denied(500, reason, f"the provider's user info endpoint {_why(error)}") from None
        return oidc.read_user_info(answer.status, answer.body)

    # ---- both ----------------------------------------------------------------------------------------------

    async def _ask(
        self,
        method: str,
        url: str,
        fields: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        most_bytes: int,
    ) -> Answer:
        return await self._client.ask(
            method, url, fields, body, timeout_s=IDP_TIMEOUT_S, most_bytes=most_bytes
        )

    def _unix_s(self) -> int:
        return self._context.unix_ns() // SECOND


def without_identity(lines: Iterable[bytes]) -> list[bytes]:
    """Header lines without `X-Amzn-Oidc-*`: what a client says of itself is not believed."""
    return [line for line in lines if line.partition(b":")[0].lower() not in FIELDS]


def _secret_of(context: Context) -> str:
    """What no other world has: its authority's certificate, which is made anew with every world.

    That is no secret from this world's user, who may forge a session here if he likes."""
    return (context.directory / "ca.pem").read_text()


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"did not answer within {IDP_TIMEOUT_S:g} s"
    return f"cannot be reached: {error}"
