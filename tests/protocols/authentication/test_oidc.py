"""A login through an identity provider, step by step, and each way in which it fails."""

import json
import re
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.authentication import oidc
from actors.protocols.authentication.faults import Denied, Reason
from actors.protocols.authentication.identity import Signer, identity_fields
from actors.protocols.authentication.jwt import Token
from actors.protocols.authentication.oidc import Provider, Session
from actors.protocols.authentication.sealing import Seal
from tests.protocols.authentication.keys import ISSUER, NOW, token

PROVIDER = Provider.of(
    {
        "Issuer": ISSUER,
        "AuthorizationEndpoint": f"{ISSUER}/authorize",
        "TokenEndpoint": f"{ISSUER}/token",
        "UserInfoEndpoint": f"{ISSUER}/userinfo",
        "ClientId": "shop",
        "ClientSecret": "secret",
        "AuthenticationRequestExtraParams": {"prompt": "login"},
    }
)
SEAL = Seal(b"k" * 32, "login")
URL = "https://example.com/basket?x=1"


def begun() -> tuple[str, dict[str, str]]:
    """The state and the cookies of a login that has begun."""
    login = oidc.login(PROVIDER, URL, "example.com", SEAL, Random(1), NOW)
    name, _, value = login.set_cookie.partition(";")[0].partition("=")
    return parse_qs(urlsplit(login.location).query)["state"][0], {name: value}


def test_a_user_is_sent_to_the_provider():
    login = oidc.login(PROVIDER, URL, "example.com", SEAL, Random(1), NOW)
    asked = parse_qs(urlsplit(login.location).query)
    assert login.location.startswith(f"{ISSUER}/authorize?")
    assert asked["redirect_uri"] == ["https://example.com/oauth2/idpresponse"]
    assert (asked["client_id"], asked["scope"], asked["prompt"]) == (["shop"], ["openid"], ["login"])
    assert re.match(r"AWSALBAuthNonce=[0-9a-f]{32}; Path=/oauth2/idpresponse; Max-Age=900", login.set_cookie)


def test_a_user_who_comes_back_brings_a_code():
    state, cookies = begun()
    query = urlencode({"code": "c1", "state": state})
    assert oidc.returned(query, cookies, SEAL, NOW + 899) == ("c1", URL)


@pytest.mark.parametrize(
    ("change", "late_s", "status", "reason"),
    [
        ({"state": None}, 0, 401, Reason.MISSING_STATE),
        ({"state": "AAAA"}, 0, 401, Reason.INVALID_STATE),
        ({}, 901, 401, Reason.INVALID_STATE),
        ({"code": None}, 0, 401, Reason.MISSING_CODE),
        ({"code": None, "error": "access_denied"}, 0, 561, Reason.INVALID_GRANT),
    ],
)
def test_an_answer_that_will_not_do(change: dict[str, Any], late_s: int, status: int, reason: Reason):
    state, cookies = begun()
    answer = {"code": "c1", "state": state, **change}
    query = urlencode({name: value for name, value in answer.items() if value is not None})
    with pytest.raises(Denied) as caught:
        oidc.returned(query, cookies, SEAL, NOW + late_s)
    assert (caught.value.status, caught.value.reason) == (status, reason)


@pytest.mark.parametrize(
    ("cookies", "reason"), [({}, Reason.MISSING_NONCE), ({"AWSALBAuthNonce": "other"}, Reason.INVALID_NONCE)]
)
def test_an_answer_to_somebody_elses_login(cookies: dict[str, str], reason: Reason):
    with pytest.raises(Denied) as caught:
        oidc.returned(urlencode({"code": "c", "state": begun()[0]}), cookies, SEAL, NOW)
    assert caught.value.reason == reason


def test_the_code_is_exchanged_with_the_clients_secret():
    fields, body = oidc.token_request(PROVIDER, "c1", "example.com")
    assert fields["Authorization"] == "Basic c2hvcDpzZWNyZXQ="
    assert parse_qs(body.decode())["grant_type"] == ["authorization_code"]


def answer(**claims: Any) -> bytes:
    return json.dumps(
        {"access_token": "at", "id_token": token({"aud": "shop", "sub": "u1", **claims})}
    ).encode()


def test_tokens_are_read():
    assert oidc.read_tokens(PROVIDER, 200, answer(), NOW) == ("at", "u1")
    assert oidc.read_tokens(PROVIDER, 200, answer(aud=["x", "shop"]), NOW) == ("at", "u1")


@pytest.mark.parametrize(
    ("status", "body", "refused_with", "reason"),
    [
        (400, b'{"error": "invalid_grant"}', 561, Reason.INVALID_GRANT),
        (200, b"<html>", 561, Reason.INVALID_TOKEN_RESPONSE),
        (200, b"{}", 561, Reason.INVALID_TOKEN_RESPONSE),
        (200, b'{"access_token": "at"}', 401, Reason.INVALID_ID_TOKEN),
        (200, b'{"access_token": "at", "id_token": "x"}', 401, Reason.INVALID_ID_TOKEN),
        (200, answer(iss="https://other"), 401, Reason.INVALID_ID_TOKEN),
        (200, answer(aud="bank"), 401, Reason.INVALID_ID_TOKEN),
        (200, answer(exp=NOW), 401, Reason.INVALID_ID_TOKEN),
    ],
)
def test_tokens_that_will_not_do(status: int, body: bytes, refused_with: int, reason: Reason):
    with pytest.raises(Denied) as caught:
        oidc.read_tokens(PROVIDER, status, body, NOW)
    assert (caught.value.status, caught.value.reason) == (refused_with, reason)


@pytest.mark.parametrize(
    ("status", "body", "refused_with", "reason"),
    [
        (503, b"", 561, Reason.USER_INFO_FAILED),
        (200, b"[]", 561, Reason.INVALID_USER_INFO),
        (200, b"{}", 561, Reason.INVALID_USER_INFO),
        (200, b"[" * 9_000, 561, Reason.INVALID_USER_INFO),  # deeper than a JSON reader goes
        (200, json.dumps({"sub": "u", "x": "y" * 11 * 1024}).encode(), 500, Reason.USER_INFO_TOO_LARGE),
    ],
)
def test_claims_that_will_not_do(status: int, body: bytes, refused_with: int, reason: Reason):
    with pytest.raises(Denied) as caught:
        oidc.read_user_info(status, body)
    assert (caught.value.status, caught.value.reason) == (refused_with, reason)


@given(st.text(max_size=200), st.integers(0, 9000))
def test_a_session_comes_back_from_its_cookies(name: str, padding: int):
    session = Session("at", {"sub": "u1", "name": name, "x": "y" * padding}, NOW + 10)
    cookies = oidc.session_cookies(PROVIDER, session, SEAL, Random(2))
    assert all(len(cookie.partition(";")[0]) <= 4096 for cookie in cookies)
    sent = oidc.parse_cookies([cookie.partition(";")[0].encode() for cookie in cookies])
    assert oidc.session_of(PROVIDER, sent, SEAL, NOW) == session
    assert oidc.session_of(PROVIDER, sent, SEAL, NOW + 10) is None


def test_a_session_that_is_too_large_for_its_cookies():
    session = Session("at", {"sub": "u1", "x": "y" * 13_000}, NOW)
    with pytest.raises(Denied) as caught:
        oidc.session_cookies(PROVIDER, session, SEAL, Random(2))
    assert caught.value.status == 401


@given(st.text("abcdefghijklmnopqrstuvwxyzABC-_", min_size=1, max_size=100))
def test_a_false_cookie_is_no_session(text: str):
    with pytest.raises(Denied) as caught:
        oidc.session_of(PROVIDER, {"AWSELBAuthSessionCookie-0": text}, SEAL, NOW)
    assert caught.value.reason is Reason.INVALID_COOKIE


def test_what_was_sealed_for_one_purpose_does_not_open_for_another():
    sealed = Seal(b"k" * 32, "a").seal({"x": 1}, Random(1))
    with pytest.raises(ValueError, match="not sealed here"):
        Seal(b"k" * 32, "b").open(sealed)


def test_the_target_hears_who_it_is_and_can_verify_it():
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    signer = Signer(b"s" * 32, "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/b")
    lines = identity_fields(PROVIDER, Session("at", {"sub": "u1", "email": "u@x"}, NOW), signer, NOW)
    fields = dict(line.strip().split(b": ", 1) for line in lines)
    assert (fields[b"X-Amzn-Oidc-Accesstoken"], fields[b"X-Amzn-Oidc-Identity"]) == (b"at", b"u1")
    read = Token.read(fields[b"X-Amzn-Oidc-Data"].decode().replace("=", ""))
    assert (read.claims["email"], read.claims["exp"], read.header["kid"]) == ("u@x", NOW + 120, signer.kid)
    signed = fields[b"X-Amzn-Oidc-Data"].rpartition(b".")[0]
    key: Any = load_pem_public_key(signer.public_pem().encode())
    r, s = read.signature[:32], read.signature[32:]
    key.verify(encode_dss_signature(int.from_bytes(r), int.from_bytes(s)), signed, ECDSA(SHA256()))
