"""The authorization code flow of OpenID Connect as an ALB runs it for its users (`authenticate-oidc`).

How this works. A request without a session is sent to the identity provider (`login`), with a sealed `state` that knows
where it wanted to go, and a nonce in a cookie. The provider sends the user back to `/oauth2/idpresponse` with a code
(`returned`), which the load balancer exchanges for tokens (`token_request`, `read_tokens`) and these for the user's
claims (`read_user_info`). They become a session (`Session`), sealed in cookies of at most 4 KB, and header
fields for the target (`identity.py`). Rules: ALB user guide, "Authenticate users using an Application Load Balancer".
"""

import base64
import json
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from actors.protocols.authentication.faults import Denied, Reason
from actors.protocols.authentication.jwt import Token
from actors.protocols.authentication.sealing import Seal

CALLBACK = "/oauth2/idpresponse"
NONCE_COOKIE = "AWSALBAuthNonce"
LOGIN_TIMEOUT_S = 15 * 60
"""A user who has not come back from the provider by then gets 401."""
IDP_TIMEOUT_S = 5.0
"""An endpoint of the provider that has not answered by then is a 500."""
MAX_CLAIMS = 11 * 1024
SHARD = 4000
MAX_SHARDS = 4
"""Cookies of at most 4 KB, 16 KB altogether."""

Json = dict[str, Any]


class Provider(NamedTuple):
    """An authenticate-oidc action."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    user_info_endpoint: str
    client_id: str
    client_secret: str
    session_cookie: str
    scope: str
    session_timeout_s: int
    extra: tuple[tuple[str, str], ...]
    on_unauthenticated: str

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Provider":
        """From the API's `AuthenticateOidcActionConfig`, with its defaults."""
        return cls(
            config["Issuer"],
            config["AuthorizationEndpoint"],
            config["TokenEndpoint"],
            config["UserInfoEndpoint"],
            config["ClientId"],
            config.get("ClientSecret", ""),
            config.get("SessionCookieName", "AWSELBAuthSessionCookie"),
            config.get("Scope", "openid"),
            int(config.get("SessionTimeout", 604_800)),
            tuple((config.get("AuthenticationRequestExtraParams") or {}).items()),
            config.get("OnUnauthenticatedRequest", "authenticate"),
        )


class Login(NamedTuple):
    """Where the user is sent, and the cookie that goes along."""

    location: str
    set_cookie: str


def login(provider: Provider, url: str, host: str, seal: Seal, dice: Random, unix_s: int) -> Login:
    """Send a user who wants `url` to the provider; `host` as the client named it."""
    nonce = f"{dice.getrandbits(128):032x}"
    state = seal.seal({"url": url, "nonce": nonce, "at": unix_s}, dice)
    asked = {
        "client_id": provider.client_id,
        "redirect_uri": f"https://{host}{CALLBACK}",
        "response_type": "code",
        "scope": provider.scope,
        "state": state,
        **dict(provider.extra),
    }
    separator = "&" if "?" in provider.authorization_endpoint else "?"
    cookie = f"{NONCE_COOKIE}={nonce}; Path={CALLBACK}; Max-Age={LOGIN_TIMEOUT_S}; Secure; HttpOnly"
    return Login(f"{provider.authorization_endpoint}{separator}{urlencode(asked)}", cookie)


class Return(NamedTuple):
    """A user who has come back: the code for the tokens, and where to go then."""

    code: str
    url: str


def returned(query: str, cookies: Mapping[str, str], seal: Seal, unix_s: int) -> Return:
    """Read a request to `CALLBACK`. Raises `Denied`."""
    answer = dict(parse_qsl(query, keep_blank_values=True))
    if "state" not in answer:
        raise Denied(401, Reason.MISSING_STATE, "the provider's answer has no state")
    try:
        state = seal.open(answer["state"])
    except ValueError:
        raise Denied(401, Reason.INVALID_STATE, "the state is not one of this load balancer's") from None
    if NONCE_COOKIE not in cookies:
        raise Denied(401, Reason.MISSING_NONCE, f"the client sent no cookie {NONCE_COOKIE}")
    if cookies[NONCE_COOKIE] != state["nonce"]:
        raise Denied(401, Reason.INVALID_NONCE, f"the cookie {NONCE_COOKIE} is not that of this login")
    if unix_s - state["at"] > LOGIN_TIMEOUT_S:
        raise Denied(401, Reason.INVALID_STATE, "the login took more than 15 minutes")
    if "error" in answer:
        raise Denied(561, Reason.INVALID_GRANT, f"the identity provider answered {answer['error']}")
    if not answer.get("code"):
        raise Denied(401, Reason.MISSING_CODE, "the provider's answer has no code")
    return Return(answer["code"], state["url"])


def token_request(provider: Provider, code: str, host: str) -> tuple[dict[str, str], bytes]:
    """Header fields and body of the POST to the token endpoint."""
    secret = base64.b64encode(f"{provider.client_id}:{provider.client_secret}".encode()).decode()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": f"https://{host}{CALLBACK}"}
    fields = {"Authorization": f"Basic {secret}", "Content-Type": "application/x-www-form-urlencoded"}
    return fields, urlencode(form).encode()


class Tokens(NamedTuple):
    access_token: str
    subject: str


def read_tokens(provider: Provider, status: int, body: bytes, unix_s: float) -> Tokens:
    """What the token endpoint answered. Raises `Denied`: 561 for an error of the provider, 401 without an ID token."""
    if status != 200:
        raise Denied(561, Reason.INVALID_GRANT, f"the provider's token endpoint answered {status}")
    answer = _object(body, Reason.INVALID_TOKEN_RESPONSE, "token endpoint")
    if not isinstance(answer.get("access_token"), str):
        raise Denied(561, Reason.INVALID_TOKEN_RESPONSE, "the token endpoint gave no access_token")
    if not isinstance(answer.get("id_token"), str):
        raise Denied(401, Reason.INVALID_ID_TOKEN, "the token endpoint gave no id_token")
    claims = _id_claims(answer["id_token"])
    audience = claims.get("aud")
    if claims.get("iss") != provider.issuer:
        raise _bad_id(f"its iss is {claims.get('iss')!r}, not {provider.issuer!r}")
    if provider.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise _bad_id(f"its aud is {audience!r}, not {provider.client_id!r}")
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= unix_s:
        raise _bad_id("it has expired")
    return Tokens(answer["access_token"], str(claims.get("sub", "")))


def read_user_info(status: int, body: bytes) -> Json:
    """The user's claims. Raises `Denied`: 561 for an error of the provider, 500 for more than 11 KB."""
    if status != 200:
        raise Denied(561, Reason.USER_INFO_FAILED, f"the provider's user info endpoint answered {status}")
    if len(body) > MAX_CLAIMS:
        raise Denied(
            500, Reason.USER_INFO_TOO_LARGE, f"the claims are {len(body)} bytes; {MAX_CLAIMS} are allowed"
        )
    claims = _object(body, Reason.INVALID_USER_INFO, "user info endpoint")
    if not isinstance(claims.get("sub"), str):
        raise Denied(561, Reason.INVALID_USER_INFO, "the user info endpoint gave no sub")
    return claims


class Session(NamedTuple):
    """A user who is logged in."""

    access_token: str
    claims: Json
    expires_s: float


def session_cookies(provider: Provider, session: Session, seal: Seal, dice: Random) -> list[str]:
    """`Set-Cookie` values: the session in shards. Raises `Denied` when it does not fit into four."""
    text = seal.seal([session.access_token, session.claims, session.expires_s], dice)
    shards = [text[start : start + SHARD] for start in range(0, len(text), SHARD)]
    if len(shards) > MAX_SHARDS:
        raise Denied(401, Reason.USER_INFO_TOO_LARGE, f"the session's cookies would have {len(text)} bytes")
    return [
        f"{provider.session_cookie}-{number}={shard}; Path=/; Max-Age={provider.session_timeout_s}; Secure; HttpOnly"
        for number, shard in enumerate(shards)
    ]


def session_of(provider: Provider, cookies: Mapping[str, str], seal: Seal, unix_s: float) -> Session | None:
    """The session that a request's cookies hold; None without one or after its end. Raises `Denied` for a false one."""
    shards: list[str] = []
    while (name := f"{provider.session_cookie}-{len(shards)}") in cookies and len(shards) < MAX_SHARDS:
        shards.append(cookies[name])
    if not shards:
        return None
    try:
        session = Session(*seal.open("".join(shards)))
    except (ValueError, TypeError):
        raise Denied(
            401, Reason.INVALID_COOKIE, "the session's cookie is not one of this load balancer's"
        ) from None
    return session if unix_s < session.expires_s else None


def parse_cookies(fields: Iterable[bytes]) -> dict[str, str]:
    """Cookies by name (RFC 6265 section 4.2.1), from the values of Cookie fields."""
    pairs = [pair.partition("=") for field in fields for pair in field.decode("latin-1").split(";")]
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _object(body: bytes, reason: Reason, where: str) -> Json:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Denied(561, reason, f"the provider's {where} did not answer with a JSON object")
    return value


def _id_claims(text: str) -> Json:
    try:
        return Token.read(text).claims
    except Denied as error:
        raise _bad_id(error.sentence) from None


def _bad_id(sentence: str) -> Denied:
    return Denied(401, Reason.INVALID_ID_TOKEN, f"the ID token is not valid: {sentence}")
