"""`report.html`: one file with everything in it, which asks nobody for anything."""

import json
from html import escape
from pathlib import Path

from orchestrator.reports.document import page
from orchestrator.reports.result import RunResult

PARTS = Path(__file__).parent
SCRIPTS = ("base.js", "charts.js", "states.js", "requests.js", "report.js")


def render(result: RunResult) -> str:
    """The whole page."""
    scripts = "\n".join((PARTS / name).read_text() for name in SCRIPTS)
    return (
        (PARTS / "report.html")
        .read_text()
        .replace("{{title}}", escape(result.title))
        .replace("{{style}}", (PARTS / "report.css").read_text())
        .replace("{{script}}", scripts)
        .replace("{{data}}", _data(result))  # last: data is not looked through for places
    )


def _data(result: RunResult) -> str:
    """JSON that can stand in a script element: no text in it ends one."""
    text = json.dumps(page(result), separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
