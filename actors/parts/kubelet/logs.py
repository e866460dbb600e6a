"""Container logs, read from the files that pods' processes write."""

import shutil
from typing import TYPE_CHECKING

from actors.element import CallFailed
from actors.parts.kubelet.services import Services
from actors.parts.kubelet.starting import log_folder, log_path
from actors.protocols.kubelet import cri_log
from actors.protocols.kubelet.containers import Container, Waiting
from actors.protocols.kubelet.pod import PodMachine
from actors.units import SECOND

MOST_LINES, MOST_CHARACTERS = 80, 2048
"""Of a log as a termination message, as the kubelet has it."""

if TYPE_CHECKING:
    from actors.parts.kubelet.pod_worker import PodWorker


async def read(
    services: Services,
    worker: "PodWorker",
    container: str | None,
    *,
    previous: bool = False,
    tail_lines: int | None = None,
    since_seconds: int | None = None,
    since_time: str | None = None,
    limit_bytes: int | None = None,
    timestamps: bool = False,
) -> str:
    """The log of a container, or of the one before it. Raises `CallFailed`."""
    machine = worker.machine
    found = _container(worker, container)
    restart = found.restarts - 1 if previous else found.restarts
    if previous and restart < 0:
        text = f'previous terminated container "{found.name}" in pod "{machine.name}" not found'
        raise CallFailed(text)
    if not found.begun:
        why = found.state.reason if isinstance(found.state, Waiting) else "unknown"
        said = f'container "{found.name}" in pod "{machine.name}" is waiting to start: {why}'
        raise CallFailed(said)
    if machine.sandbox is not None:
        await services.runtime.flush_logs(machine.sandbox)
    path = services.context.directory / log_path(machine, found.name, restart)
    content = path.read_text() if path.is_file() else ""
    since = since_time
    if since_seconds is not None:
        since = cri_log.stamp(services.context.unix_ns() - since_seconds * SECOND)
    return cri_log.selected(
        cri_log.entries(content),
        tail_lines=tail_lines,
        since=since,
        limit_bytes=limit_bytes,
        timestamps=timestamps,
    )


def last_words(services: Services, machine: PodMachine, container: Container) -> str:
    """The end of its log, for a container whose `terminationMessagePolicy` is FallbackToLogsOnError."""
    path = services.context.directory / log_path(machine, container.name, container.restarts)
    if not path.is_file():
        return ""
    texts = [entry.text for entry in cri_log.entries(path.read_text())[-MOST_LINES:]]
    return "\n".join(texts)[-MOST_CHARACTERS:]


def remove(services: Services, machine: PodMachine) -> None:
    """The pod is gone, and so are its logs, as the kubelet has it."""
    shutil.rmtree(services.context.directory / log_folder(machine), ignore_errors=True)


def _container(worker: "PodWorker", name: str | None) -> Container:
    containers = list(worker.machine)
    if name is None and len(worker.machine.containers) == 1:
        return worker.machine.containers[0]
    names = " ".join(each.name for each in worker.machine.containers)
    pod = worker.machine.name
    if name is None:
        raise CallFailed(f"a container name must be specified for pod {pod}, choose one of: [{names}]")
    for each in containers:
        if each.name == name:
            return each
    raise CallFailed(f"container {name} is not valid for pod {pod}")
