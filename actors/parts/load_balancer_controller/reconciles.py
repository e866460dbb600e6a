"""How reconciling goes, as the controller's own metrics have it (pkg/metrics/lbc)."""

from collections.abc import Iterator
from contextlib import contextmanager

from actors.element import Context
from actors.units import SECOND


class Reconciles:
    """The figures of one controller: `ingress` or `targetGroupBinding`."""

    def __init__(self, context: Context, controller: str) -> None:
        self._context, self._controller = context, controller
        self._total = context.metrics.counter(
            "journey_alb_controller_reconciles_total", controller=controller
        )

    def began(self) -> None:
        self._total.value += 1

    def failed(self, error: Exception) -> None:
        kind = getattr(error, "code", None) or type(error).__name__
        labels = {"controller": self._controller, "error_category": str(kind)}
        self._context.metrics.counter("awslbc_controller_reconcile_errors_total", **labels).value += 1

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Seconds and number of times that this part of the work took."""
        began_ns = self._context.now_ns()
        took = self._context.metrics.histogram(
            "awslbc_controller_reconcile_stage_duration", controller=self._controller, reconcile_stage=name
        )
        try:
            yield
        finally:
            took.observe((self._context.now_ns() - began_ns) / SECOND)
