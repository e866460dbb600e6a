"""What nginx answers, and what it writes down of it: the page or an error, counted, and a line of the access log."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from actors.element import Context, Counter
from actors.parts.nginx_pages import Answer, answer, status_of
from actors.parts.pod.container_log import ContainerLog
from actors.protocols.http1 import Request
from actors.protocols.log_text import quoted
from actors.units import SECOND

_LOGGED = (b"referer", b"if-none-match", b"if-modified-since")


class NginxSite:
    """The default site of one nginx."""

    def __init__(self, context: Context, hostname: str, log: ContainerLog) -> None:
        self._context, self._log, self._name = context, log, hostname
        self._requests: dict[int, Counter] = {
            code_class: context.metrics.counter(
                "journey_pod_requests_total", pod=hostname, code_class=f"{code_class}xx"
            )
            for code_class in (2, 3, 4, 5)
        }

    def visit(
        self, request: Request, remote: str, status: int | None, keep_alive: bool
    ) -> tuple[int, Answer]:
        """The answer to a request, and its status: the given one, or the site's own; logged and counted."""
        method, target = request.method.decode("latin-1"), request.target.decode("latin-1")
        fields = _fields(request)
        if status is None:
            path, since = target.partition("?")[0], fields.get(b"if-modified-since")
            status = status_of(method, path, fields.get(b"if-none-match"), since)
        ready = self.answer(method, status, keep_alive)
        self.write(request, remote, status, ready, fields.get(b"referer", "-"))
        return status, ready

    def answer(self, method: str, status: int, keep_alive: bool) -> Answer:
        """nginx's answer with this status, counted."""
        self._requests[status // 100].value += 1
        return answer(status, method == "HEAD", keep_alive, self._context.unix_ns() // SECOND, self._name)

    def write(self, request: Request, remote: str, status: int, ready: Answer, referer: str = "-") -> None:
        """A line in the official image's format `main`."""
        asked = b"%b %b HTTP/%b" % (request.method, request.target, request.version)
        line, agent = quoted(asked.decode("latin-1")), quoted(request.user_agent.decode("latin-1"))
        forwarded_for = quoted(request.fields.get(b"x-forwarded-for", b"-").decode("latin-1"))
        self._log.stdout(
            f"{remote} - - [{_local_time(self._context.unix_ns() // SECOND)}] "
            f'"{line}" {status} {ready.body_bytes} "{quoted(referer)}" "{agent}" "{forwarded_for}"'
        )

    def notice(self, level: str, text: str) -> None:
        """A line of the error log, as the official image has it on stderr."""
        self._log.stderr(f"{_error_time(self._context.unix_ns() // SECOND)} [{level}] 1#1: {text}")

    def counts(self) -> dict[str, Any]:
        """Answers by class of status."""
        return {f"{code}xx": int(counter.value) for code, counter in self._requests.items()}


def _fields(request: Request) -> dict[bytes, str]:
    """The few fields that the site looks at, by their names in lower case."""
    found = {}
    for line in request.lines:
        name, _, value = line.partition(b":")
        if (lower := name.lower()) in _LOGGED:
            found[lower] = value.strip().decode("latin-1")
    return found


@lru_cache(maxsize=8)
def _local_time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


@lru_cache(maxsize=8)
def _error_time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y/%m/%d %H:%M:%S")
