"""The screen of `journey top`: three panes and the keys to meddle with what they show."""

import contextlib
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.coordinate import Coordinate
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Sparkline, Static

from orchestrator.control.api import RequestFailed
from orchestrator.top.plain import HOP_COLUMNS, TARGET_COLUMNS, event_lines, hop_cells, target_cells
from orchestrator.top.watch import Watch

RATE, STEP = 20.0, 10.0
"""The load that a key starts, and by how much others change it, in requests a second."""
LOAD_S = 24 * 3600.0
SLOW = "delay=80ms"
ALGORITHMS = ("round_robin", "least_outstanding_requests")
HELP = """\
s      start a load of 20 requests/s, or stop the load that runs
+ -    10 requests/s more, or fewer
c      cut the link that leads to the chosen hop, or mend it
w      make that link slow (80 ms more each way), or end that
x      end all faults
a      the other algorithm: round robin, or least outstanding requests
p      hold the picture; again: go on
q      quit

Rows `tcp` and `http` are the handshake with the load balancer, and the answer
of a pod: one request in five intervals. All others are pings, one in each.

Any key closes this."""


class Line(Protocol):
    """The line to a running world."""

    def request(self, verb: str, /, **arguments: Any) -> Any: ...

    def stream(self, verb: str, /, **arguments: Any) -> Any: ...


class Help(ModalScreen[None]):
    """What the keys do."""

    CSS = "Help { align: center middle; } Help Static { width: 82; height: auto; padding: 1 2; border: round $accent; }"

    def compose(self) -> ComposeResult:
        yield Static(HELP, markup=False)

    def on_key(self) -> None:
        self.dismiss()


class TopApp(App[None]):
    """Looks at the world in a thread, and changes the cells that are not what they were."""

    CSS = """
    #hops { height: auto; max-height: 45%; } #targets { height: auto; max-height: 30%; }
    #load { height: 3; } #rate { width: 1fr; height: 3; } #headline { width: 2fr; height: 3; padding: 0 1; }
    #events { height: 1fr; padding: 0 1; color: $text-muted; } #told { height: auto; padding: 0 1; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "load", "load"),
        Binding("plus,equals_sign", "rate(1)", "more", key_display="+"),
        Binding("minus", "rate(-1)", "less", key_display="-"),
        Binding("c", "fault('cut')", "cut"),
        Binding("w", "fault('slow')", "slow"),
        Binding("x", "clear", "mend"),
        Binding("a", "algorithm", "algorithm"),
        Binding("p", "hold", "hold"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, line: Line, watch: Watch, every_s: float) -> None:
        super().__init__()
        self._line, self._watch, self._every_s = line, watch, every_s
        self._held = False
        self._stopping = False
        self._cells: dict[str, list[tuple[str, ...]]] = {}
        self._rate = RATE
        self._algorithm = 0

    def compose(self) -> ComposeResult:
        with Vertical():
            yield DataTable[str](id="hops", cursor_type="row")
            yield DataTable[str](id="targets", cursor_type="none")
            with Horizontal(id="load"):
                yield Static("no load is running", id="headline", markup=False)
                yield Sparkline([], id="rate")
            yield Static("", id="told", markup=False)
            yield Static("", id="events", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self._table("hops").add_columns(*HOP_COLUMNS)
        self._table("targets").add_columns(*TARGET_COLUMNS)
        self._table("hops").focus()
        self.look()
        self.set_interval(self._every_s, self.look)

    # ---- looking -------------------------------------------------------------------------------------------

    @work(thread=True, exclusive=False, group="look")
    def _look(self) -> None:
        self._watch.tick()
        self._from_thread(self._seen)

    def _from_thread(self, function: Callable[..., None], *args: Any) -> None:
        """Call it where widgets may be touched, unless they are gone: a thread may end after the screen."""

        def unless_gone() -> None:
            with contextlib.suppress(NoMatches):
                function(*args)

        with contextlib.suppress(RuntimeError):  # no app runs any more
            self.call_from_thread(unless_gone)

    def look(self) -> None:
        """Look at the world, unless the picture is held or the last look is not over."""
        busy = any(worker.group == "look" and not worker.is_finished for worker in self.workers)
        if not self._held and not busy:
            self._look()

    def _seen(self) -> None:
        if self._held:
            return
        watch = self._watch
        self.title = watch.world
        self._fill("hops", hop_cells(watch))
        self._fill("targets", target_cells(watch))
        faults = "".join(
            f"\nfault {each['id']}: {each['target']} {each['what']}" for each in watch.faults[:2]
        )
        self.query_one("#headline", Static).update(watch.headline() + faults)
        self.query_one("#rate", Sparkline).data = list(watch.rates)
        self.query_one("#events", Static).update("\n".join(reversed(event_lines(watch))))
        if watch.trouble:
            self.tell(watch.trouble)

    def _fill(self, name: str, rows: list[tuple[str, ...]]) -> None:
        """Change the cells that differ; a table of another shape is filled anew."""
        table, before = self._table(name), self._cells.get(name, [])
        if len(before) != len(rows):
            table.clear()
            for row in rows:
                table.add_row(*row)
        else:
            for y, (old, new) in enumerate(zip(before, rows, strict=True)):
                for x, value in enumerate(new):
                    if old[x] != value:
                        table.update_cell_at(Coordinate(y, x), value, update_width=True)
        self._cells[name] = rows

    def _table(self, name: str) -> "DataTable[str]":
        return self.query_one(f"#{name}", DataTable)

    def tell(self, what: str) -> None:
        """Say what a key has done, with the command that does the same."""
        self.query_one("#told", Static).update(what)

    # ---- meddling ------------------------------------------------------------------------------------------

    @work(thread=True, group="keys")
    def ask(self, command: str, act: Callable[[], Any]) -> None:
        """Do something to the world in a thread, then say what."""
        try:
            act()
            said = command
        except RequestFailed as error:
            said = f"{command}: {error}"
        self._from_thread(self.tell, said)

    def action_load(self) -> None:
        if self._watch.load is not None:
            self.ask("journey load stop", lambda: self._line.request("load_change", do="stop"))
        else:
            self._rate = RATE
            self._run_load()
            self.tell(f"journey load --rate {RATE:g} -d 24h")

    @work(thread=True, group="load")
    def _run_load(self) -> None:
        stages = [{"rate": RATE, "duration_s": LOAD_S}]
        try:
            for _ in self._line.stream("load", stages=stages):
                if self._stopping:
                    return
        except RequestFailed as error:
            if not self._stopping:
                self._from_thread(self.tell, str(error))

    def action_rate(self, sign: int) -> None:
        self._rate = max(self._rate + sign * STEP, STEP)
        change = {"do": "set", "rate": self._rate}
        self.ask(f"journey load set {self._rate:g}/s", lambda: self._line.request("load_change", **change))

    def action_fault(self, kind: str) -> None:
        """Of the link that leads to the chosen hop: begin it, or end it if it is there."""
        rows, chosen = self._watch.rows, self._table("hops").cursor_row
        link = rows[chosen].link if 0 <= chosen < len(rows) else None
        if link is None:
            self.tell("no link of the world file leads to this hop: choose another with the arrow keys")
            return
        target, word = f"link/{link}", "cut" if kind == "cut" else SLOW
        there = [each["id"] for each in self._watch.faults if each["target"] == target]
        if there:
            self.ask(
                f"journey fault clear {there[0]}", lambda: self._line.request("fault_clear", which=there[0])
            )
        else:
            arguments = {"target": target, "words": [word]}
            self.ask(
                f"journey fault add {target} {word}", lambda: self._line.request("fault_add", **arguments)
            )

    def action_clear(self) -> None:
        self.ask("journey fault clear", lambda: self._line.request("fault_clear"))

    def action_algorithm(self) -> None:
        word = f"alb.algorithm={ALGORITHMS[self._algorithm % len(ALGORITHMS)]}"
        self._algorithm += 1
        self.ask(f"journey set {word}", lambda: self._line.request("set", words=[word]))

    def action_hold(self) -> None:
        self._held = not self._held
        self.tell("held; p goes on" if self._held else "")

    def action_help(self) -> None:
        self.push_screen(Help())

    async def action_quit(self) -> None:
        """The load that was started here ends with it."""
        self._stopping = True
        self.exit()
