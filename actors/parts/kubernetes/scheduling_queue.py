"""Pods that wait for a node (k8s.io/kubernetes: pkg/scheduler/backend/queue).

A pod that fits nowhere waits until something happens that might help; then it is tried again, but not sooner than
1 s, 2 s, 4 s ... 10 s after it was tried last. Even if nothing happens it is tried again after five minutes.
"""

import asyncio
import heapq

from actors.element import Context, TimerHandle
from actors.parts.kubernetes.client import Object
from actors.parts.kubernetes.informer import key_of
from actors.units import SECOND

BACKOFF_S, MOST_BACKOFF_S = 1.0, 10.0
FLUSH_S = 300.0


class Waiting:
    """A pod in the queue, or on its way back into it."""

    def __init__(self, pod: Object, order: tuple[int, int]) -> None:
        self.key = key_of(pod)
        self.uid: str = pod["metadata"]["uid"]
        self.order = order
        self.attempts = 0
        self.not_before_ns = 0
        self.timer: TimerHandle | None = None
        self.ready = True


class SchedulingQueue:
    """Who comes first: higher priority, then who came first."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pods: dict[str, Waiting] = {}
        self._active: list[tuple[tuple[int, int], str]] = []
        self._arrivals = 0
        self._news: asyncio.Event = asyncio.Event()
        self._moves = 0
        self._pending = context.metrics.gauge("journey_kube_scheduler_pending_pods")

    def __len__(self) -> int:
        return len(self._pods)

    def waits(self, uid: str) -> bool:
        return uid in self._pods

    def add(self, pod: Object) -> None:
        """A pod that has no node; what is in the queue already stays where it is."""
        uid = pod["metadata"]["uid"]
        if uid in self._pods:
            return
        self._arrivals += 1
        waiting = Waiting(pod, (-(pod["spec"].get("priority") or 0), self._arrivals))
        self._pods[uid] = waiting
        self._push(waiting)

    def remove(self, uid: str) -> None:
        waiting = self._pods.pop(uid, None)
        if waiting is not None and waiting.timer is not None:
            waiting.timer.cancel()
        self._pending.value = len(self._pods)

    def _push(self, waiting: Waiting) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
            waiting.timer = None
        waiting.ready = True
        heapq.heappush(self._active, (waiting.order, waiting.uid))
        self._pending.value = len(self._pods)
        self._news.set()

    async def get(self) -> tuple[Waiting, int]:
        """The next one to be tried, and a mark for `put_aside`."""
        while True:
            while self._active:
                _, uid = heapq.heappop(self._active)
                waiting = self._pods.get(uid)
                if waiting is not None and waiting.ready:
                    waiting.ready = False
                    waiting.attempts += 1
                    return waiting, self._moves
            self._news.clear()
            await self._news.wait()

    def put_aside(self, waiting: Waiting, mark: int) -> None:
        """It fits nowhere, or could not be bound. If something has happened since the mark it waits only its time."""
        if self._pods.get(waiting.uid) is not waiting:
            return
        backoff_s = min(BACKOFF_S * 2 ** (waiting.attempts - 1), MOST_BACKOFF_S)
        waiting.not_before_ns = self._context.now_ns() + round(backoff_s * SECOND)
        wait_s = backoff_s if mark != self._moves else FLUSH_S
        self._ring_at(waiting, self._context.now_ns() + round(wait_s * SECOND))

    def something_happened(self) -> None:
        """It may be that pods fit now which did not before."""
        self._moves += 1
        now_ns = self._context.now_ns()
        for waiting in list(self._pods.values()):
            if waiting.ready or waiting.timer is None:
                continue
            if waiting.not_before_ns <= now_ns:
                self._push(waiting)
            else:
                self._ring_at(waiting, waiting.not_before_ns)

    def _ring_at(self, waiting: Waiting, when_ns: int) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
        waiting.timer = self._context.call_at(when_ns, self._ring, waiting)

    def _ring(self, waiting: Waiting) -> None:
        waiting.timer = None
        if self._pods.get(waiting.uid) is waiting:
            self._push(waiting)
