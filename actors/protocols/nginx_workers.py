"""nginx's worker processes: which of them takes a connection, and when it gets to a request.

A worker serves one request at a time; requests on its other connections wait, also while another worker is idle,
because a connection stays with the worker that accepted it. A worker that serves does not accept. Sans-IO: service
times are handed in, moments are returned.
"""

from typing import NamedTuple


class Worker:
    """One worker process."""

    __slots__ = ("busy_until_ns", "connections", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.connections = 0
        self.busy_until_ns = 0


class Service(NamedTuple):
    """When a request's service begins and when it ends."""

    begins_ns: int
    ends_ns: int


class Workers:
    """`worker_processes` of them, with at most `worker_connections` each."""

    def __init__(self, processes: int, connections: int) -> None:
        self._workers = [Worker(number) for number in range(processes)]
        self._connections = connections

    def accept(self, now_ns: int) -> Worker | None:
        """The worker that takes a new connection: the idlest, then the one with the fewest connections.

        None when all have as many as they may ("worker_connections are not enough")."""
        open_ones = [worker for worker in self._workers if worker.connections < self._connections]
        if not open_ones:
            return None
        chosen = min(open_ones, key=lambda worker: (max(worker.busy_until_ns, now_ns), worker.connections))
        chosen.connections += 1
        return chosen

    def release(self, worker: Worker) -> None:
        """A connection of this worker has closed."""
        worker.connections -= 1

    def serve(self, worker: Worker, service_ns: int, now_ns: int) -> Service:
        """Queue a request at its connection's worker."""
        begins_ns = max(now_ns, worker.busy_until_ns)
        worker.busy_until_ns = begins_ns + service_ns
        return Service(begins_ns, worker.busy_until_ns)

    def all_busy(self, now_ns: int) -> bool:
        """Whether nobody is left to accept a connection."""
        return all(worker.busy_until_ns > now_ns for worker in self._workers)
