"""Tokens, logins and AWS WAF through a whole node: who gets to the target, and the statuses of those who do not."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from actors.element import CallFailed, Context, Element
from actors.protocols.alb_causes import Cause
from actors.protocols.http1 import Response
from actors.units import SECOND
from orchestrator.pki import make_authority
from tests.elements.alb_bed import BALANCER_ARN, Bed, forward, path, rule
from tests.elements.idp_bed import IDP, NAME, IdentityProvider
from tests.protocols.authentication.keys import ISSUER, encoded, jwks, token

JWT = {
    "Type": "jwt-validation",
    "Order": 1,
    "JwtValidationConfig": {"JwksEndpoint": f"https://{NAME}/keys", "Issuer": ISSUER},
}
OIDC = {
    "Type": "authenticate-oidc",
    "Order": 1,
    "AuthenticateOidcConfig": {
        "Issuer": ISSUER,
        "AuthorizationEndpoint": f"https://{NAME}/authorize",
        "TokenEndpoint": f"https://{NAME}/token",
        "UserInfoEndpoint": f"https://{NAME}/userinfo",
        "ClientId": "shop",
        "ClientSecret": "secret",
        "SessionTimeout": 3600,
    },
}


def gated(gate: dict[str, Any], priority: int, where: str) -> dict[str, Any]:
    last = {**forward("web-group"), "Order": 2}
    return {**rule(priority, last, path(where)), "actions": [gate, last]}


DENY = {
    **OIDC,
    "AuthenticateOidcConfig": {**OIDC["AuthenticateOidcConfig"], "OnUnauthenticatedRequest": "deny"},
}
RULES = [gated(JWT, 1, "/api/*"), gated(OIDC, 2, "/my/*"), gated(DENY, 3, "/inside/*")]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki")
    make_authority(path, ["example.com", NAME])
    return path


class World:
    """A bed with an identity provider, and a client that speaks HTTPS."""

    def __init__(self, directory: Path, **parts: Any) -> None:
        self.bed = Bed(directory, protocol="HTTPS", rules=RULES, **parts)
        net = self.bed.net
        net.add_element("idp", IdentityProvider)
        net.link("hub-idp", ("idp", "eth0"), ("hub", "idp"), delay="50us")
        (directory / "logs" / "alb.access.log").unlink(missing_ok=True)

    def play(self, story: Callable[["World"], Awaitable[None]]) -> "World":
        async def whole() -> None:
            self.idp: IdentityProvider = self.bed.net.element("idp")
            aws = self.bed.net.element("aws-api")
            aws.call_resolve = self._resolve
            self.says("/keys", 200, jwks())
            claims = {"iss": ISSUER, "aud": "shop", "exp": 2 * self.now()}
            id_token = f"{encoded({'alg': 'RS256'})}.{encoded(claims)}.AA"
            self.says("/token", 200, json.dumps({"access_token": "at", "id_token": id_token}).encode())
            self.says("/userinfo", 200, b'{"sub": "u1"}')
            await story(self)

        self.bed.run(whole())
        return self

    async def _resolve(self, name: str) -> list[str]:
        return [IDP] if name == NAME else []

    def says(self, where: str, status: int, body: bytes) -> None:
        self.idp.answers[where.encode()] = lambda request: (status, body)

    def now(self) -> int:
        return self.bed.net.host("alb").unix_ns() // SECOND

    def bearer(self, **claims: Any) -> str:
        return f"Authorization: Bearer {token({'exp': self.now() + 60, **claims})}"

    async def get(self, target: str, *lines: str) -> Response:
        talk = await self.bed.connect_securely(server_hostname="example.com")
        head = "\r\n".join([f"GET {target} HTTP/1.1", "Host: example.com", *lines, "", ""])
        response = await talk.ask(head.encode())
        talk.transport.close()
        return response

    def causes(self) -> list[str]:
        return [each["cause"] for each in reversed(self.bed.net.element("alb").node.errors.last())]

    def heard(self) -> list[bytes]:
        """The header lines of the last request that the target got."""
        return [line.lower() for line in self.bed.target().requests[-1].lines]


def field(response: Response, name: bytes) -> list[str]:
    lines = (line.partition(b":") for line in response.lines)
    return [value.strip().decode() for key, _, value in lines if key.lower() == name]


# ---- tokens ------------------------------------------------------------------------------------------------


def test_a_request_with_a_valid_token_reaches_the_target_and_its_token_too(directory: Path):
    async def story(world: World) -> None:
        assert (await world.get("/api/x", world.bearer())).status == 200
        assert any(line.startswith(b"authorization: bearer ") for line in world.heard())
        assert (await world.get("/open")).status == 200

    World(directory).play(story)


def test_401_without_a_valid_token(directory: Path):
    async def story(world: World) -> None:
        assert (await world.get("/api/x")).status == 401
        assert (await world.get("/api/x", world.bearer(exp=world.now() - 1))).status == 401
        assert world.bed.target().requests == []
        assert world.causes() == [Cause.TOKEN_REFUSED] * 2

    world = World(directory).play(story)
    assert '"JWTHeaderNotPresent"' in world.bed.log()[0] and '"JWTClaimFormatInvalid"' in world.bed.log()[1]


def test_500_when_the_jwks_endpoint_is_silent_and_562_when_it_is_in_error(directory: Path):
    async def story(world: World) -> None:
        world.idp.answers[b"/keys"] = lambda request: None
        assert (await world.get("/api/x", world.bearer())).status == 500
        world.says("/keys", 503, b"")
        assert (await world.get("/api/x", world.bearer())).status == 562
        assert world.causes() == [Cause.JWKS_UNUSABLE, Cause.JWKS_INVALID]

    World(directory).play(story)


# ---- users -------------------------------------------------------------------------------------------------


async def log_in(world: World, error: str = "") -> Response:
    """Follow the redirect to the provider, and come back."""
    sent = await world.get("/my/basket?x=1")
    assert sent.status == 302
    state = parse_qs(urlsplit(field(sent, b"location")[0]).query)["state"][0]
    cookie = f"Cookie: {field(sent, b'set-cookie')[0].partition(';')[0]}"
    answer = f"error={error}" if error else "code=c1"
    return await world.get(f"/oauth2/idpresponse?{answer}&state={state}", cookie)


def test_a_user_is_sent_to_the_provider_and_comes_back_logged_in(directory: Path):
    async def story(world: World) -> None:
        back = await log_in(world)
        assert (back.status, field(back, b"location")) == (302, ["https://example.com/my/basket?x=1"])
        cookies = "; ".join(each.partition(";")[0] for each in field(back, b"set-cookie"))
        spoofed = "X-Amzn-Oidc-Identity: root"
        assert (await world.get("/my/basket?x=1", f"Cookie: {cookies}", spoofed)).status == 200
        assert [line for line in world.heard() if line.startswith(b"x-amzn-oidc-identity")] == [
            b"x-amzn-oidc-identity: u1\r\n"
        ]

    world = World(directory).play(story)
    assert '"authenticate,forward"' in world.bed.log()[-1] and '"authenticate"' in world.bed.log()[0]


def test_401_when_the_rule_denies_who_is_not_logged_in(directory: Path):
    async def story(world: World) -> None:
        assert (await world.get("/inside/x")).status == 401
        assert world.causes() == [Cause.NOT_AUTHENTICATED]

    World(directory).play(story)


def test_561_when_the_provider_returns_an_error(directory: Path):
    async def story(world: World) -> None:
        assert (await log_in(world, "access_denied")).status == 561
        world.says("/token", 400, b"{}")
        assert (await log_in(world)).status == 561
        assert world.causes() == [Cause.IDENTITY_PROVIDER_ERROR] * 2

    World(directory).play(story)


def test_500_when_the_provider_is_silent_or_says_too_much(directory: Path):
    async def story(world: World) -> None:
        world.idp.answers[b"/token"] = lambda request: None
        assert (await log_in(world)).status == 500
        assert world.causes() == [Cause.IDENTITY_PROVIDER_UNREACHABLE]

    World(directory).play(story)

    async def another(world: World) -> None:
        world.says("/userinfo", 200, json.dumps({"sub": "u1", "x": "y" * 12_000}).encode())
        assert (await log_in(world)).status == 500
        assert world.causes() == [Cause.CLAIMS_TOO_LARGE]

    World(directory).play(another)


def test_a_client_that_goes_away_at_the_gate_is_a_460(directory: Path):
    async def story(world: World) -> None:
        world.idp.answers[b"/keys"] = lambda request: None
        talk = await world.bed.connect_securely(server_hostname="example.com")
        head = f"GET /api/x HTTP/1.1\r\nHost: example.com\r\n{world.bearer()}\r\n\r\n"
        talk.transport.write(head.encode())
        await asyncio.sleep(1)
        talk.transport.abort()
        await asyncio.sleep(10)
        assert world.causes() == [Cause.CLIENT_CLOSED]

    World(directory).play(story)


# ---- AWS WAF -----------------------------------------------------------------------------------------------


class FakeWaf(Element):
    """Blocks /admin, and bodies with an exclamation mark; as long as it answers."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.answers = True
        self.asked: list[dict[str, Any]] = []

    def on_frame(self, port: str, frame: bytes) -> None:
        """It has no ports."""

    async def call_judge(self, load_balancer: str, request: dict[str, Any]) -> dict[str, Any]:
        if not self.answers:
            raise CallFailed("out of order")
        self.asked.append(request)
        blocked = request["path"].startswith(b"/admin") or b"!" in request["body"]
        told = {"status": 403, "body": b"", "content_type": ""} if blocked else {}
        return {"allowed": not blocked, "web_acl": "acl", "rule": "r", "counted": [], **told}


def protected(directory: Path, **attributes: Any) -> World:
    world = World(directory, attributes=attributes, waf="aws-waf")
    world.bed.net.add_element("aws-waf", FakeWaf)
    return world


async def associate(world: World) -> None:
    world.bed.net.element("aws-api").put("web-acls", f"association/{BALANCER_ARN}", "acl")
    await asyncio.sleep(0.1)


def test_403_for_what_waf_blocks(directory: Path):
    async def story(world: World) -> None:
        assert (await world.get("/admin")).status == 200, "no web ACL is associated"
        await associate(world)
        assert (await world.get("/admin")).status == 403
        assert (await world.get("/shop")).status == 200
        assert world.bed.net.element("aws-waf").asked[-1]["source"] == "10.0.0.100"
        assert world.causes() == [Cause.WAF_BLOCKED]

    world = protected(directory).play(story)
    assert '"waf"' in world.bed.log()[1] and '"waf,forward"' in world.bed.log()[2]


def test_waf_sees_the_beginning_of_a_body_that_comes_late(directory: Path):
    async def story(world: World) -> None:
        await associate(world)
        talk = await world.bed.connect_securely(server_hostname="example.com")
        talk.transport.write(b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 6\r\n\r\nabc")
        await asyncio.sleep(1)
        assert (await talk.ask(b"de!")).status == 403

    protected(directory).play(story)


def test_500_when_waf_gives_no_verdict_unless_it_fails_open(directory: Path):
    async def story(world: World) -> None:
        await associate(world)
        world.bed.net.element("aws-waf").answers = False
        assert (await world.get("/shop")).status == 500
        assert world.causes() == [Cause.WAF_FAILED]

    world = protected(directory).play(story)
    assert '"waf-failed"' in world.bed.log()[0] and '"WAFConnectionError"' in world.bed.log()[0]

    async def open_story(world: World) -> None:
        await associate(world)
        world.bed.net.element("aws-waf").answers = False
        assert (await world.get("/shop")).status == 200

    world = protected(directory, **{"waf.fail_open.enabled": "true"}).play(open_story)
    assert '"waf-failed,forward"' in world.bed.log()[0]
