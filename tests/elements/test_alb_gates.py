"""Gates before a rule's action, over the emulated network: tokens verified by a provider's keys, users logged in."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from actors.element import Context, Element
from actors.parts.load_balancer.authentication import Admitted, Asked, Gate, Gates, Sent, without_identity
from actors.protocols.authentication.faults import Denied, Reason
from actors.protocols.authentication.jwt import Validation
from actors.protocols.authentication.oidc import Provider
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from actors.units import SECOND
from orchestrator.pki import make_authority
from tests.elements.hub import join
from tests.elements.idp_bed import IDP, NAME, IdentityProvider
from tests.protocols.authentication.keys import ISSUER, encoded, jwks, token

JWKS = Validation.of({"JwksEndpoint": f"https://{NAME}/keys", "Issuer": ISSUER})
PROVIDER = {
    "Issuer": ISSUER,
    "AuthorizationEndpoint": f"https://{NAME}/authorize",
    "TokenEndpoint": f"https://{NAME}/token",
    "UserInfoEndpoint": f"https://{NAME}/userinfo",
    "ClientId": "shop",
    "ClientSecret": "secret",
}
LB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki")
    make_authority(path, [NAME, "other.example.com"])
    return path


class Host(Element):
    """A load balancer's node, as far as gates go."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.stack = Stack(context)
        self.stack.add_interface("eth0", "10.0.0.10/24")
        self.names = {NAME: [IDP], "nobody.example.com": ["10.0.0.99"]}

    async def resolve(self, name: str) -> list[str]:
        return self.names.get(name, [])

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)


Story = Callable[["Bed"], Awaitable[None]]


class Bed:
    """A node and a provider; `play` runs a story once both are up."""

    def __init__(self, directory: Path, certificate: str = NAME) -> None:
        self.net = VirtualNetwork(seed=1, directory=directory)
        self.net.add_element("alb", Host)
        self.net.add_element("idp", lambda context: IdentityProvider(context, name=certificate))
        join(self.net, ("alb", "eth0"), ("idp", "eth0"), delay="50us")

    def play(self, story: Story) -> None:
        async def begin() -> None:
            self.host: Host = self.net.element("alb")
            self.idp: IdentityProvider = self.net.element("idp")
            self.gates = self.node(LB)
            self.says("/keys", 200, jwks())
            self.provide()
            await story(self)

        self.net.run(begin())

    def node(self, load_balancer: str) -> Gates:
        return Gates(self.host.context, self.host.stack, self.host.resolve, load_balancer)

    def says(self, path: str, status: int, body: bytes) -> None:
        self.idp.answers[path.encode()] = lambda request: (status, body)

    def is_silent(self, path: str) -> None:
        self.idp.answers[path.encode()] = lambda request: None

    def provide(self) -> None:
        """The provider logs in whoever comes."""
        claims = {"iss": ISSUER, "aud": "shop", "exp": 2 * self.now()}
        id_token = f"{encoded({'alg': 'RS256'})}.{encoded(claims)}.AA"
        self.says("/token", 200, json.dumps({"access_token": "at", "id_token": id_token}).encode())
        self.says("/userinfo", 200, json.dumps({"sub": "u1", "email": "u@example.com"}).encode())

    def now(self) -> int:
        return self.host.context.unix_ns() // SECOND

    async def denied(self, gate: Gate, what: Asked | None = None) -> tuple[int, Reason]:
        with pytest.raises(Denied) as caught:
            await self.gates.admit([gate], what or with_token(self))
        return caught.value.status, caught.value.reason

    async def login_denied(self, error: str = "") -> tuple[int, Reason]:
        with pytest.raises(Denied) as caught:
            await log_in(self, Provider.of(PROVIDER), error)
        return caught.value.status, caught.value.reason


def asked(path: str = "/", query: str = "", *lines: bytes) -> Asked:
    url = f"https://example.com{path}{'?' if query else ''}{query}"
    return Asked("example.com", path, query, url, [line + b"\r\n" for line in lines])


def with_token(bed: Bed, **claims: Any) -> Asked:
    text = token({"exp": bed.now() + 60, **claims})
    return asked("/", "", b"Authorization: Bearer " + text.encode())


# ---- tokens ------------------------------------------------------------------------------------------------


def test_a_valid_token_passes_and_keys_are_fetched_once(directory: Path):
    async def story(bed: Bed) -> None:
        for _ in range(3):
            assert await bed.gates.admit([JWKS], with_token(bed)) == Admitted([])
        assert len(bed.idp.asked) == 1

    Bed(directory).play(story)


def test_without_a_token_nobody_is_asked(directory: Path):
    async def story(bed: Bed) -> None:
        assert await bed.denied(JWKS, asked()) == (401, Reason.JWT_HEADER_NOT_PRESENT)
        assert bed.idp.asked == []

    Bed(directory).play(story)


def test_an_expired_token_is_a_401(directory: Path):
    async def story(bed: Bed) -> None:
        expired = with_token(bed, exp=bed.now())
        assert await bed.denied(JWKS, expired) == (401, Reason.JWT_CLAIM_FORMAT_INVALID)

    Bed(directory).play(story)


def test_a_silent_jwks_endpoint_is_a_500_after_five_seconds(directory: Path):
    async def story(bed: Bed) -> None:
        bed.is_silent("/keys")
        began_ns = bed.host.context.now_ns()
        assert await bed.denied(JWKS) == (500, Reason.JWKS_UNREACHABLE)
        assert 5 * SECOND <= bed.host.context.now_ns() - began_ns < 5.1 * SECOND

    Bed(directory).play(story)


@pytest.mark.parametrize("host", ["unknown.example.com", "nobody.example.com"])
def test_a_jwks_endpoint_that_is_nowhere_is_a_500(directory: Path, host: str):
    async def story(bed: Bed) -> None:
        gate = JWKS._replace(jwks_endpoint=f"https://{host}/keys")
        assert await bed.denied(gate) == (500, Reason.JWKS_UNREACHABLE)

    Bed(directory).play(story)


def test_a_jwks_endpoint_with_somebody_elses_certificate_is_a_500(directory: Path):
    async def story(bed: Bed) -> None:
        assert await bed.denied(JWKS) == (500, Reason.JWKS_UNREACHABLE)

    Bed(directory, certificate="other.example.com").play(story)


def test_a_jwks_that_is_too_long_is_a_500_and_an_error_page_a_562(directory: Path):
    async def story(bed: Bed) -> None:
        for status, body, refused_with in (
            (200, b" " * 200_000, 500),
            (404, b"", 562),
            (200, b"<html>", 562),
        ):
            bed.says("/keys", status, body)
            assert (await bed.denied(JWKS))[0] == refused_with

    Bed(directory).play(story)


# ---- users -------------------------------------------------------------------------------------------------


async def log_in(bed: Bed, gate: Provider, error: str = "") -> Sent:
    """Go to the provider and come back."""
    sent = await bed.gates.admit([gate], asked("/basket", "x=1"))
    assert isinstance(sent, Sent)
    state = parse_qs(urlsplit(sent.location).query)["state"][0]
    query = f"error={error}&state={state}" if error else f"code=c1&state={state}"
    back = await bed.gates.admit([gate], asked("/oauth2/idpresponse", query, sent_back(sent)))
    assert isinstance(back, Sent)
    return back


def sent_back(sent: Sent) -> bytes:
    """The cookies as a browser returns them."""
    return b"Cookie: a=b; " + b"; ".join(each.partition(";")[0].encode() for each in sent.cookies)


def test_a_user_is_logged_in_and_the_target_hears_who_it_is(directory: Path):
    async def story(bed: Bed) -> None:
        gate = Provider.of({**PROVIDER, "SessionTimeout": 3600})
        back = await log_in(bed, gate)
        assert back.location == "https://example.com/basket?x=1"
        form = b"".join(bed.idp.asked[0].body)
        assert form.startswith(
            b"grant_type=authorization_code&code=c1&redirect_uri=https%3A%2F%2Fexample.com"
        )
        again = asked("/basket", "x=1", sent_back(back))
        admitted = await bed.gates.admit([gate], again)
        assert isinstance(admitted, Admitted)
        assert admitted.lines[1] == b"X-Amzn-Oidc-Identity: u1\r\n"
        await bed.host.context.sleep(gate.session_timeout_s + 1)
        assert isinstance(await bed.gates.admit([gate], again), Sent)

    Bed(directory).play(story)


def test_all_nodes_of_a_load_balancer_read_its_sessions_and_no_others_do(directory: Path):
    async def story(bed: Bed) -> None:
        gate = Provider.of(PROVIDER)
        cookie = sent_back(await log_in(bed, gate))
        assert isinstance(await bed.node(LB).admit([gate], asked("/", "", cookie)), Admitted)
        with pytest.raises(Denied) as caught:
            await bed.node(LB + "x").admit([gate], asked("/", "", cookie))
        assert caught.value.reason is Reason.INVALID_COOKIE

    Bed(directory).play(story)


def test_without_a_session_requests_are_denied_or_let_through_as_the_rule_says(directory: Path):
    async def story(bed: Bed) -> None:
        deny = Provider.of({**PROVIDER, "OnUnauthenticatedRequest": "deny"})
        assert await bed.denied(deny, asked()) == (401, Reason.DENIED)
        allow = Provider.of({**PROVIDER, "OnUnauthenticatedRequest": "allow"})
        assert await bed.gates.admit([allow], asked()) == Admitted([])

    Bed(directory).play(story)


def test_a_provider_that_returns_an_error_is_a_561(directory: Path):
    async def story(bed: Bed) -> None:
        assert await bed.login_denied("access_denied") == (561, Reason.INVALID_GRANT)
        bed.says("/token", 400, b'{"error": "invalid_grant"}')
        assert await bed.login_denied() == (561, Reason.INVALID_GRANT)

    Bed(directory).play(story)


def test_a_provider_that_is_silent_or_gone_is_a_500(directory: Path):
    async def story(bed: Bed) -> None:
        bed.is_silent("/userinfo")
        assert await bed.login_denied() == (500, Reason.USER_INFO_TIMEOUT)
        bed.host.names[NAME] = []
        assert await bed.login_denied() == (500, Reason.TOKEN_FAILED)

    Bed(directory).play(story)


def test_claims_beyond_eleven_kilobytes_are_a_500(directory: Path):
    async def story(bed: Bed) -> None:
        bed.says("/userinfo", 200, json.dumps({"sub": "u1", "x": "y" * 12_000}).encode())
        assert await bed.login_denied() == (500, Reason.USER_INFO_TOO_LARGE)

    Bed(directory).play(story)


def test_a_clients_own_identity_is_not_believed():
    lines = [b"X-Amzn-Oidc-Identity: root\r\n", b"Accept: */*\r\n", b"x-amzn-oidc-data: a.b.c\r\n"]
    assert without_identity(lines) == [b"Accept: */*\r\n"]
