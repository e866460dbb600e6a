"""Who may talk to the live page: this machine's browsers, and of what they show only the page itself.

Three ways for another site's page to reach a server on 127.0.0.1, and what stands against each. It can send requests
here: commands want a token that only this page can read, JSON (which no form can send), and a same-origin Origin and
Sec-Fetch-Site. It can have its own name resolve to 127.0.0.1 (DNS rebinding), so that its page becomes same-origin: its
name then stands in Host, and only addresses and localhost are answered. It can put this page into a frame of its own:
no site may.
"""

import hmac
import secrets
from collections.abc import Mapping
from ipaddress import ip_address

TOKEN_FIELD = "X-Journey-Token"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}


class Refused(Exception):
    """A request that is not this page's; carries the HTTP status that it gets."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """Looks at the headers of requests."""

    def __init__(self, host: str) -> None:
        """`host` is what the page listens on: it may be asked by that name, too."""
        self.token = secrets.token_urlsafe(32)
        self._host = host

    def check(self, headers: Mapping[str, str]) -> None:
        """Any request. Raises `Refused`."""
        host = headers.get("Host", "")
        if not self._is_ours(host):
            raise Refused(421, f"the page is at an address or localhost, not at {host or 'no host at all'}")
        elsewhere = headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
        if elsewhere and headers.get("Sec-Fetch-Mode") != "navigate":
            # a link on another page may lead here, but nothing there may load what is here
            raise Refused(403, "another site's page asks for this")
        if "Origin" in headers and headers["Origin"] != f"http://{host}":
            raise Refused(403, f"a page of {headers['Origin']} asks for this; only this page's own may")

    def check_command(self, headers: Mapping[str, str], content_type: str) -> None:
        """A request that changes the world, after `check`. Raises `Refused`."""
        if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise Refused(403, "only the page itself may change the world")
        if content_type != "application/json":
            raise Refused(415, f"commands are application/json, not {content_type or 'nothing'}")
        token = headers.get(TOKEN_FIELD, "")
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise Refused(403, f"{TOKEN_FIELD} is not this world's; it stands at the beginning of /events")

    def _is_ours(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if name in ("localhost", self._host):
            return True
        try:
            ip_address(name.strip("[]"))  # no name, so nobody can have it resolve to something else
        except ValueError:
            return False
        return True
