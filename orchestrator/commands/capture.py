"""`journey capture`: frames for Wireshark."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.commands.failure import environment
from orchestrator.commands.options import FileOption, From, a_world, checked_url, optional, seconds
from orchestrator.commands.terminal import say

At = Annotated[
    list[str] | None,
    optional("--at", metavar="LINK", help="Only this link (a pod's is NODE.POD); may be given again."),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The pcapng file to write.")]
Keys = Annotated[
    Path | None,
    optional(
        "--keylog", metavar="FILE", help="Write the TLS key log here too; the capture holds it already."
    ),
]
Duration = Annotated[
    str | None,
    optional("--duration", "-d", help="Stop after this time, such as 10s."),
]
Fetch = Annotated[str | None, optional("--url", help="Fetch this once, and stop when it is done.")]


def capture(
    output: Output,
    at: At = None,
    duration: Duration = None,
    url: Fetch = None,
    keylog: Keys = None,
    element: From = None,
    file: FileOption = None,
) -> None:
    """Write what passes on the links to a file for Wireshark, TLS decrypted, each packet with its journey.

    A running world is watched until Ctrl-C, unless --duration or --url says how long. A world that is started for this
    alone fetches its URL once.

    [bold]Examples[/bold]

      journey capture -o all.pcapng
      journey capture --at wifi --at vpc-node-1 --duration 10s -o two-links.pcapng
      journey capture --url https://packet-journey.com/ -o one-request.pcapng
    """
    from orchestrator.commands.options import running_world

    fetched_once = duration is None and (file is not None or running_world() is None)
    arguments = {
        "links": at or None,
        "duration_s": None if duration is None else seconds(duration),
        "url": checked_url(url),
        "element": element,
        "until_fetched": fetched_once,
    }
    with a_world(file) as world:
        if not fetched_once and duration is None and url is None:
            say("capturing until Ctrl-C")
        _write(output, keylog, world.stream("capture", **arguments))


def _write(output: Path, keylog: Path | None, pieces: Iterable[dict[str, Any]]) -> None:
    from orchestrator.capture import CaptureFile

    try:
        target = CaptureFile(output)
    except OSError as error:
        environment(f"cannot write {output}: {error.strerror}")
    try:
        for piece in pieces:
            target.add(piece)
    except KeyboardInterrupt:
        pass  # the usual way to end a capture
    except BaseException:
        target.abandon()
        raise
    target.close()
    if keylog is not None:
        keylog.write_text(target.tls_keys)
    say(f"wrote {target.frames:,} frames to {output}")
