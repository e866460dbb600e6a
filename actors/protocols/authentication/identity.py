"""What a target hears of a user who is logged in: `X-Amzn-Oidc-*`; `-Data` is a JWT signed by the load balancer."""

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from actors.protocols.authentication.oidc import Provider, Session

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FIELDS = (b"x-amzn-oidc-accesstoken", b"x-amzn-oidc-identity", b"x-amzn-oidc-data")
"""A client's own fields of these names are not passed on."""
EXPIRES_S = 120
"""The token in X-Amzn-Oidc-Data is for this request (AWS: signed anew for each, valid for two minutes)."""


class Signer:
    """The load balancer's key, ES256 (RFC 7518 section 3.4)."""

    def __init__(self, secret: bytes, load_balancer_arn: str) -> None:
        """`secret` is the same at all nodes of a load balancer."""
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

        digest = hashlib.sha512(b"oidc-data " + secret).digest()
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        self._key: EllipticCurvePrivateKey = derive_private_key(
            int.from_bytes(digest) % (order - 1) + 1, SECP256R1()
        )
        self._arn = load_balancer_arn
        digits = hashlib.sha256(digest).hexdigest()
        self.kid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))

    def public_pem(self) -> str:
        """What AWS has at `public-keys.auth.elb.<region>.amazonaws.com/<kid>`."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = self._key.public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, provider: Provider, claims: dict[str, Any], unix_s: int) -> str:
        """The claims as a JWT; AWS keeps base64's padding, against RFC 7515."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        expires_s = unix_s + EXPIRES_S
        header = {
            "typ": "JWT",
            "kid": self.kid,
            "alg": "ES256",
            "iss": provider.issuer,
            "client": provider.client_id,
            "signer": self._arn,
            "exp": expires_s,
        }
        payload = {**claims, "exp": expires_s, "iss": provider.issuer}
        signed = f"{_encoded(header)}.{_encoded(payload)}"
        r, s = decode_dss_signature(
            self._key.sign(signed.encode(), ECDSA(SHA256(), deterministic_signing=True))
        )
        signature = base64.urlsafe_b64encode(r.to_bytes(32) + s.to_bytes(32)).decode()
        return f"{signed}.{signature}"


def identity_fields(provider: Provider, session: Session, signer: Signer, unix_s: int) -> list[bytes]:
    """Header lines for the target."""
    data = signer.sign(provider, session.claims, unix_s)
    values = (session.access_token, str(session.claims["sub"]), data)
    names = (b"X-Amzn-Oidc-Accesstoken", b"X-Amzn-Oidc-Identity", b"X-Amzn-Oidc-Data")
    return [b"%b: %b\r\n" % (name, value.encode()) for name, value in zip(names, values, strict=True)]


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()
