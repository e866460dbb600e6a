"""What a listener's attributes do to header fields (ALB user guide, "HTTP header modification").

TLS fields that the load balancer adds to requests get other names, some fields are added to responses, and the load
balancer's own answers do without `Server`. A field that the target has set itself is replaced: AWS does not say, but
who sets a policy at the load balancer means it for all targets.
"""

from collections.abc import Mapping

from actors.parts.load_balancer.answers import Answer
from actors.protocols.http1 import Response

ADDED = (
    "Strict-Transport-Security",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
)
_PREFIX = "routing.http"


class HeaderModification:
    """One listener's, from its attributes by AWS's keys; an empty value is off."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        def renamed(name: str) -> str:
            key = name.lower().replace("-", "_")
            return attributes.get(f"{_PREFIX}.request.{key}.header_name") or name

        self.tls_version = renamed("X-Amzn-Tls-Version")
        self.tls_cipher_suite = renamed("X-Amzn-Tls-Cipher-Suite")
        self._server = attributes.get(f"{_PREFIX}.response.server.enabled", "true") != "false"
        self._added: list[tuple[bytes, bytes]] = []
        for name in ADDED:
            key = name.lower().replace("-", "_")
            if value := attributes.get(f"{_PREFIX}.response.{key}.header_value"):
                self._added.append((name.encode(), value.encode("latin-1", "replace")))
        self._names = {name.lower() for name, _ in self._added}
        self._lines = b"".join(b"%b: %b\r\n" % field for field in self._added)
        self.changes_responses = bool(self._added)
        self.changes_answers = bool(self._added) or not self._server

    def of_response(self, response: Response) -> bytes:
        """Lines to add to the head of a target's response, which loses its own of the same names."""
        response.lines[:] = [
            line for line in response.lines if line.partition(b":")[0].lower() not in self._names
        ]
        return self._lines

    def of_answer(self, answer: Answer) -> Answer:
        """An answer of the load balancer's own with what is to be in it."""
        return answer._replace(more=(*answer.more, *self._added), server=self._server)
