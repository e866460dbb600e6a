"""Keys and tokens of an identity provider, as tests need them."""

import base64
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

ISSUER = "https://idp.example.com"
NOW = 1_800_000_000


@cache
def key(name: str = "k1") -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def encoded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(
    claims: dict[str, Any] | None = None, *, kid: str = "k1", signer: str = "k1", alg: str = "RS256"
) -> str:
    """A token that is right, but for what is said otherwise; a claim that is None is left out."""
    whole = {"iss": ISSUER, "exp": NOW + 60, **(claims or {})}
    signed = (
        f"{encoded({'alg': alg, 'kid': kid})}.{encoded({k: v for k, v in whole.items() if v is not None})}"
    )
    return f"{signed}.{encoded(key(signer).sign(signed.encode(), PKCS1v15(), SHA256()))}"


def jwk(name: str = "k1") -> dict[str, str]:
    numbers = key(name).public_key().public_numbers()
    return {
        "kty": "RSA",
        "kid": name,
        "n": encoded(numbers.n.to_bytes(256)),
        "e": encoded(numbers.e.to_bytes(3)),
    }


def jwks(*names: str) -> bytes:
    return json.dumps({"keys": [jwk(name) for name in names or ("k1",)]}).encode()
