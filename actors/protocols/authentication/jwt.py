"""JSON Web Tokens (RFC 7519) as an ALB verifies them: RS256 by a JWKS, `iss`, `exp`, `nbf`, `iat` and further claims.

Rules: ALB user guide, "Verify JWTs using an Application Load Balancer". AWS does not say how exact clocks must agree;
here to the second.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.protocols.authentication.faults import Denied, Reason

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_JWKS_BYTES = 150 * 1024
MAX_KEYS = 10
VALIDATED_ANYWAY = ("exp", "iss", "nbf", "iat")

Claims = dict[str, Any]


class ClaimRule(NamedTuple):
    """A claim that must have one of these values. `format`: single-string, string-array, space-separated-values."""

    name: str
    format: str
    values: tuple[str, ...]


class Validation(NamedTuple):
    """A jwt-validation action: where keys are, who must have issued the token, and what else it must say."""

    jwks_endpoint: str
    issuer: str
    claims: tuple[ClaimRule, ...]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Validation":
        """From the API's `JwtValidationActionConfig`."""
        rules = [
            ClaimRule(each["Name"], each["Format"], tuple(each["Values"]))
            for each in config.get("AdditionalClaims") or ()
        ]
        return cls(config["JwksEndpoint"], config["Issuer"], tuple(rules))


def read_jwks(status: int, body: bytes) -> "dict[str, RSAPublicKey]":
    """The RSA keys that a JWKS endpoint (RFC 7517) answered with, by `kid`. Raises `Denied`: 500 beyond AWS's limits,
    562 for what is no key set."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    if not 200 <= status < 300:
        raise Denied(562, Reason.JWKS_INVALID, f"the JWKS endpoint answered {status}")
    if len(body) > MAX_JWKS_BYTES:
        raise Denied(
            500, Reason.JWKS_INVALID, f"the JWKS is {len(body)} bytes long; {MAX_JWKS_BYTES} are allowed"
        )
    try:
        keys = json.loads(body)["keys"]
        rsa = [key for key in keys if key["kty"] == "RSA"]
        numbers = [
            (str(key.get("kid", "")), RSAPublicNumbers(_number(key["e"]), _number(key["n"]))) for key in rsa
        ]
        read = {kid: each.public_key() for kid, each in numbers}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Denied(
            562, Reason.JWKS_INVALID, f"the JWKS endpoint's answer is no key set: {error!r}"
        ) from None
    if len(keys) > MAX_KEYS:
        raise Denied(500, Reason.JWKS_INVALID, f"the JWKS has {len(keys)} keys; {MAX_KEYS} are allowed")
    return read


def bearer(authorization: bytes | None) -> str:
    """The token of an `Authorization: Bearer` field. Raises `Denied`."""
    if not authorization:
        raise Denied(401, Reason.JWT_HEADER_NOT_PRESENT, "the request has no Authorization header")
    scheme, _, token = authorization.decode("latin-1").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _malformed("the Authorization header is not `Bearer` and a token")
    return token.strip()


class Token(NamedTuple):
    """A token in its parts; not believed yet."""

    header: dict[str, Any]
    claims: Claims
    signed: bytes
    signature: bytes

    @classmethod
    def read(cls, text: str) -> "Token":
        """Raises `Denied` for what is no JWS in compact form (RFC 7515 section 7.1)."""
        parts = text.split(".")
        if len(parts) != 3:
            raise _malformed("a token has three parts with dots between them")
        try:
            header, claims = (json.loads(_decoded(part)) for part in parts[:2])
            signature = _decoded(parts[2])
        except (ValueError, RecursionError):
            raise _malformed("the token is not base64url and JSON") from None
        if not isinstance(header, dict) or not isinstance(claims, dict):
            raise _malformed("the token's parts are not JSON objects")
        return cls(header, claims, f"{parts[0]}.{parts[1]}".encode(), signature)


def verify(token: Token, keys: "Mapping[str, RSAPublicKey]", validation: Validation, unix_s: float) -> Claims:
    """The claims of a token that is right. Raises `Denied` with 401."""
    _check_signature(token, keys)
    claims = token.claims
    if _present(claims, "iss") != validation.issuer:
        raise _wrong(f"iss is {claims['iss']!r}, not {validation.issuer!r}")
    if _time(claims, "exp") <= unix_s:
        raise _wrong("the token has expired (exp)")
    for name, words in (("nbf", "is not valid yet"), ("iat", "was issued in the future")):
        if name in claims and _time(claims, name) > unix_s:
            raise _wrong(f"the token {words} ({name})")
    for rule in validation.claims:
        _check_claim(claims, rule)
    return claims


def _check_signature(token: Token, keys: "Mapping[str, RSAPublicKey]") -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    if token.header.get("alg") != "RS256":
        raise _unsigned(f"the token's alg is {token.header.get('alg')!r}; only RS256 is supported")
    kid = token.header.get("kid")
    candidates = list(keys.values()) if kid is None else [key for known, key in keys.items() if known == kid]
    if not candidates:
        raise _unsigned(f"the JWKS has no key {kid!r}")
    for key in candidates:
        try:
            key.verify(token.signature, token.signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return
    raise _unsigned("the token's signature is not that of its issuer's key")


def _check_claim(claims: Claims, rule: ClaimRule) -> None:
    value = _present(claims, rule.name)
    match rule.format, value:
        case "single-string", str():
            held = {value}
        case "space-separated-values", str():
            held = set(value.split())
        case "string-array", list() if all(isinstance(each, str) for each in value):
            held = set(value)
        case _:
            raise _wrong(f"{rule.name} is no {rule.format}")
    if held.isdisjoint(rule.values):
        raise _wrong(f"{rule.name} is none of {', '.join(rule.values)}")


def _present(claims: Claims, name: str) -> Any:
    if name not in claims:
        raise Denied(401, Reason.JWT_CLAIM_NOT_PRESENT, f"the token has no claim {name}")
    return claims[name]


def _time(claims: Claims, name: str) -> float:
    value = _present(claims, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(f"{name} is no number of seconds")
    return value


def _malformed(sentence: str) -> Denied:
    return Denied(401, Reason.JWT_REQUEST_FORMAT_INVALID, sentence)


def _unsigned(sentence: str) -> Denied:
    return Denied(401, Reason.JWT_SIGNATURE_VALIDATION_FAILED, sentence)


def _wrong(sentence: str) -> Denied:
    return Denied(401, Reason.JWT_CLAIM_FORMAT_INVALID, sentence)


def _decoded(text: str) -> bytes:
    """base64url without padding (RFC 7515 section 2). Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _number(text: str) -> int:
    return int.from_bytes(_decoded(text))
