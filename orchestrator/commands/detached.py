"""`journey up --detach`: the world lives in a process of its own, and tells when it is up."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

from orchestrator.commands.failure import THRESHOLD, Failure
from orchestrator.commands.listing import show_elements
from orchestrator.commands.terminal import out, say, tell_what_to_try
from orchestrator.control.api import API_SOCKET, Client
from orchestrator.directory import home

LOG = "up.log"


def start_detached(file: Path | None, places: dict[str, str | None]) -> int:
    """Start the world, tell its first journey and leave it running; gives the exit code. Raises `Failure`.

    `places` are the options of `journey up` that say where to listen."""
    process, ready = _launch(file, {f"--{name}": place for name, place in places.items()})
    from orchestrator.journal.journey import Journey
    from orchestrator.journal.story import tell_story

    with ready:
        told = ready.read()
    if not told:
        raise Failure(_last_words(), process.wait())
    directory = Path(json.loads(told)["directory"])
    client = Client(directory / API_SOCKET)
    listed, succeeded = client.request("ps"), True
    if any(element["kind"] == "laptop" for element in listed["elements"]):
        journey = Journey.unpack(client.request("trace"))
        tell_story(out(), journey)
        tell_what_to_try(listed)
        succeeded = journey.succeeded
    else:
        show_elements(out(), listed)
    say(f"the world is up, in {directory}; `journey down` stops it")
    return 0 if succeeded else THRESHOLD


def _launch(file: Path | None, options: dict[str, str | None]) -> tuple[subprocess.Popen[bytes], TextIO]:
    """The process, and where it says that it is ready: its end without a word means that it is not."""
    read_fd, write_fd = os.pipe()
    command = [sys.executable, "-m", "orchestrator.cli", "up", "--ready-fd", str(write_fd)]
    for option, value in options.items():
        command += [option, value] if value is not None else []
    if file is not None:
        command.append(str(file))
    with (home() / LOG).open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[write_fd],
            start_new_session=True,
        )
    os.close(write_fd)
    return process, os.fdopen(read_fd)


def _last_words() -> str:
    return (home() / LOG).read_text(errors="replace").strip() or "the world did not start"
