"""Debian's Prometheus with the configuration that is shipped, on ports of this machine only."""

import json
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

SHIPPED = Path(__file__).parents[2] / "dashboards" / "prometheus"
PATIENCE_S = 20


class Prometheus:
    """Scrapes `exporter` (host:port) from when it is entered until it is left."""

    def __init__(self, exporter: str, directory: Path) -> None:
        self._directory = directory
        self.address = f"127.0.0.1:{_free_port()}"
        config = (SHIPPED / "prometheus.yml").read_text()
        config = config.replace("orchestrator:9464", exporter).replace("127.0.0.1:9090", self.address)
        (directory / "prometheus.yml").write_text(
            config.replace("scrape_interval: 15s", "scrape_interval: 5s")
        )
        (directory / "rules.yml").write_text((SHIPPED / "rules.yml").read_text())

    def __enter__(self) -> "Prometheus":
        with (self._directory / "log").open("w") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self._directory}/prometheus.yml",
                    f"--storage.tsdb.path={self._directory}/data",
                    f"--web.listen-address={self.address}",
                    "--enable-feature=exemplar-storage",
                    "--log.level=warn",
                ],
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self._ready():
            assert self._process.poll() is None, (self._directory / "log").read_text()
            assert time.monotonic() < deadline, "Prometheus is not ready"
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def query(self, expr: str) -> list[dict[str, Any]]:
        """What an expression is now; raises what Prometheus says of a wrong one."""
        found: list[dict[str, Any]] = self._ask("query", query=expr)["result"]
        return found

    def label_values(self, metric: str, label: str) -> list[str]:
        """As Grafana fills the choices of a variable."""
        found: list[str] = self._ask(f"label/{label}/values", **{"match[]": metric})
        return found

    def exemplars(self, expr: str) -> list[dict[str, Any]]:
        """Exemplars of the series of an expression, of the last minute."""
        now = time.time()
        found: list[dict[str, Any]] = self._ask("query_exemplars", query=expr, start=now - 60, end=now)
        return found

    def _ask(self, path: str, **parameters: Any) -> Any:
        with urlopen(f"http://{self.address}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def _ready(self) -> bool:
        try:
            with urlopen(f"http://{self.address}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
