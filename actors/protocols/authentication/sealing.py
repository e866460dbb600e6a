"""Cookies and parameters that only the load balancer can read: JSON, sealed with AES-GCM."""

import base64
import json
from random import Random
from typing import Any

NONCE = 12


class Seal:
    """Seals and opens values for one purpose; a value that was sealed for another does not open."""

    def __init__(self, key: bytes, purpose: str) -> None:
        """`key` has 32 bytes and is the same at all nodes of a load balancer."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)
        self._purpose = purpose.encode()

    def seal(self, value: Any, dice: Random) -> str:
        """As text that fits into a cookie or a query."""
        nonce = dice.randbytes(NONCE)
        text = json.dumps(value, separators=(",", ":")).encode()
        sealed = nonce + self._cipher.encrypt(nonce, text, self._purpose)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str) -> Any:
        """Raises ValueError for what was not sealed here."""
        from cryptography.exceptions import InvalidTag

        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return json.loads(self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], self._purpose))
        except (InvalidTag, ValueError):
            raise ValueError("not sealed here") from None
