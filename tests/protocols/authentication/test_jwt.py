"""Tokens that an ALB lets through, and each reason for which it does not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.authentication.faults import Denied, Reason
from actors.protocols.authentication.jwt import Token, Validation, bearer, read_jwks, verify
from tests.protocols.authentication.keys import ISSUER, NOW, encoded, jwk, jwks, token

PLAIN = Validation.of({"JwksEndpoint": f"{ISSUER}/keys", "Issuer": ISSUER})
STRICT = Validation.of(
    {
        "JwksEndpoint": f"{ISSUER}/keys",
        "Issuer": ISSUER,
        "AdditionalClaims": [
            {"Name": "scope", "Format": "space-separated-values", "Values": ["read", "write"]},
            {"Name": "aud", "Format": "string-array", "Values": ["shop"]},
            {"Name": "client", "Format": "single-string", "Values": ["a", "b"]},
        ],
    }
)
RIGHT = {"scope": "list read", "aud": ["shop", "bank"], "client": "b"}


def check(text: str, validation: Validation = PLAIN, keys: bytes | None = None) -> dict[str, Any]:
    return verify(Token.read(text), read_jwks(200, keys or jwks()), validation, NOW)


def test_a_right_token_tells_its_claims():
    assert check(token({"sub": "x", "nbf": NOW, "iat": NOW - 5}))["sub"] == "x"


def test_the_key_is_found_by_its_id_among_several():
    assert check(token(kid="k2", signer="k2"), keys=jwks("k1", "k2"))


def test_further_claims_need_one_of_their_values():
    assert check(token(RIGHT), STRICT)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (token({"exp": NOW}), Reason.JWT_CLAIM_FORMAT_INVALID),
        (token({"exp": "tomorrow"}), Reason.JWT_CLAIM_FORMAT_INVALID),
        (token({"exp": None}), Reason.JWT_CLAIM_NOT_PRESENT),
        (token({"iss": None}), Reason.JWT_CLAIM_NOT_PRESENT),
        (token({"iss": "https://other"}), Reason.JWT_CLAIM_FORMAT_INVALID),
        (token({"nbf": NOW + 1}), Reason.JWT_CLAIM_FORMAT_INVALID),
        (token({"iat": NOW + 1}), Reason.JWT_CLAIM_FORMAT_INVALID),
        (token(signer="k2"), Reason.JWT_SIGNATURE_VALIDATION_FAILED),
        (token(kid="k9"), Reason.JWT_SIGNATURE_VALIDATION_FAILED),
        (token(alg="HS256"), Reason.JWT_SIGNATURE_VALIDATION_FAILED),
        (token(alg="none"), Reason.JWT_SIGNATURE_VALIDATION_FAILED),
        ("a.b", Reason.JWT_REQUEST_FORMAT_INVALID),
        ("a.b.c", Reason.JWT_REQUEST_FORMAT_INVALID),
        (f"{encoded([])}.{encoded({})}.", Reason.JWT_REQUEST_FORMAT_INVALID),
    ],
)
def test_a_wrong_token_is_refused_with_the_reason(text: str, reason: Reason):
    with pytest.raises(Denied) as caught:
        check(text)
    assert (caught.value.status, caught.value.reason) == (401, reason)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"scope": None}, Reason.JWT_CLAIM_NOT_PRESENT),
        ({"scope": "list"}, Reason.JWT_CLAIM_FORMAT_INVALID),
        ({"aud": "shop"}, Reason.JWT_CLAIM_FORMAT_INVALID),
        ({"aud": ["bank"]}, Reason.JWT_CLAIM_FORMAT_INVALID),
        ({"client": ["b"]}, Reason.JWT_CLAIM_FORMAT_INVALID),
    ],
)
def test_a_further_claim_that_is_wrong(wrong: dict[str, Any], reason: Reason):
    with pytest.raises(Denied) as caught:
        check(token({**RIGHT, **wrong}), STRICT)
    assert (caught.value.status, caught.value.reason) == (401, reason)


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (None, Reason.JWT_HEADER_NOT_PRESENT),
        (b"", Reason.JWT_HEADER_NOT_PRESENT),
        (b"Basic eA==", Reason.JWT_REQUEST_FORMAT_INVALID),
        (b"Bearer ", Reason.JWT_REQUEST_FORMAT_INVALID),
    ],
)
def test_a_request_without_a_token(field: bytes | None, reason: Reason):
    with pytest.raises(Denied) as caught:
        bearer(field)
    assert (caught.value.status, caught.value.reason) == (401, reason)


def test_the_token_stands_behind_bearer_in_any_case():
    assert bearer(b"bearer  a.b.c ") == "a.b.c"


@pytest.mark.parametrize(
    ("status", "body", "refused_with"),
    [
        (404, jwks(), 562),
        (301, b"", 562),
        (200, b"<html>", 562),
        (200, b"[]", 562),
        (200, b"[" * 100_000, 562),  # deeper than a JSON reader goes
        (200, b'{"keys": [{"kty": "RSA", "n": "!", "e": "AQAB"}]}', 562),
        (200, json.dumps({"keys": [jwk()] * 11}).encode(), 500),
        (200, json.dumps({"keys": [jwk()], "x": "y" * 150 * 1024}).encode(), 500),
    ],
)
def test_a_key_set_that_will_not_do(status: int, body: bytes, refused_with: int):
    with pytest.raises(Denied) as caught:
        read_jwks(status, body)
    assert caught.value.status == refused_with


@given(
    st.text(max_size=60)
    | st.builds(lambda a, b: f"{encoded(a)}.{encoded(b)}.x", *[st.binary(max_size=40)] * 2)
)
def test_no_text_gets_past_or_breaks_it(text: str):
    with pytest.raises(Denied):
        check(text)


def test_a_token_that_is_deeper_than_a_json_reader_goes_is_malformed():
    deep = encoded(b"[" * 100_000)
    with pytest.raises(Denied) as caught:
        Token.read(f"{deep}.{deep}.c2ln")
    assert caught.value.reason is Reason.JWT_REQUEST_FORMAT_INVALID


@given(st.binary(max_size=200))
def test_no_answer_of_a_key_endpoint_breaks_it(body: bytes):
    with pytest.raises(Denied):
        read_jwks(200, body)
