"""Actions of a rule, and what a redirect makes of a URL. Source: ALB user guide, "Action types for listener rules"."""

import re
from typing import NamedTuple

MAX_REDIRECT_URL = 8 * 1024
"""A longer one is answered with 507 (and counted in `HTTP_Redirect_Url_Limit_Exceeded_Count`)."""


class WeightedGroup(NamedTuple):
    """A target group, by its ARN, and its share of the requests: `weight` of the sum of all weights, 0 to 999."""

    target_group: str
    weight: int = 1


class Forward(NamedTuple):
    """Give the request to a target of one of these groups; with a duration, clients come back to the same group."""

    groups: tuple[WeightedGroup, ...]
    sticky_s: int | None = None
    type: str = "forward"


class FixedResponse(NamedTuple):
    """Answer here and now."""

    status_code: int
    content_type: str
    message_body: bytes
    type: str = "fixed-response"


class Redirect(NamedTuple):
    """Send the client elsewhere. The placeholders `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}` stand
    for what the client asked for; `path` begins with a slash that the placeholder does not have."""

    status_code: int
    protocol: str = "#{protocol}"
    host: str = "#{host}"
    port: str = "#{port}"
    path: str = "/#{path}"
    query: str = "#{query}"
    type: str = "redirect"

    def url(self, protocol: str, host: str, port: int, path: str, query: str) -> str:
        """Where to, for a request to this URL; `protocol` is `http` or `https`."""
        parts = {
            "protocol": protocol,
            "host": host,
            "port": str(port),
            "path": path.removeprefix("/"),
            "query": query,
        }

        def filled(text: str) -> str:
            return _PLACEHOLDER.sub(lambda found: parts[found[1]], text)

        asked = filled(self.query)
        return (
            f"{filled(self.protocol).lower()}://{filled(self.host)}:{filled(self.port)}"
            f"{filled(self.path)}{'?' if asked else ''}{asked}"
        )


_PLACEHOLDER = re.compile(r"#\{(protocol|host|port|path|query)\}")

Action = Forward | Redirect | FixedResponse
