"""What a controller has asked for and not seen yet (k8s.io/kubernetes: pkg/controller/controller_utils.go).

The copy that a controller looks at is a moment behind its own requests. Until everything that it has asked for has
shown up there it must not count again, or it would ask twice.
"""

from collections.abc import Callable, Iterable

from actors.units import SECOND

EXPIRY_NS = 300 * SECOND


class _Expected:
    def __init__(self, now_ns: int) -> None:
        self.creations = 0
        self.deletions: dict[str, None] = {}
        self.since_ns = now_ns


class Expectations:
    """By the key of the owner. After a restart nothing is expected: the copy is fresh then."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._expected: dict[str, _Expected] = {}
        self.doubtful: set[str] = set()
        """Owners for which a request got no answer: it may have been carried out."""

    def expect(self, key: str, creations: int = 0, deletions: Iterable[str] = ()) -> None:
        """So many creations, and the deletion of the objects with these UIDs."""
        expected = self._expected[key] = _Expected(self._now_ns())
        expected.creations = creations
        expected.deletions = dict.fromkeys(deletions)

    def created(self, key: str, count: int = 1) -> None:
        """One has been seen, or is not to be expected any more."""
        if key in self._expected:
            self._expected[key].creations -= count

    def deleted(self, key: str, uid: str) -> None:
        if key in self._expected:
            self._expected[key].deletions.pop(uid, None)

    def fulfilled(self, key: str) -> bool:
        """Everything has been seen, or it takes too long."""
        expected = self._expected.get(key)
        if expected is None or (expected.creations <= 0 and not expected.deletions):
            return True
        return self._now_ns() - expected.since_ns > EXPIRY_NS

    def forget(self, key: str) -> None:
        self._expected.pop(key, None)
        self.doubtful.discard(key)
