// Rates and latency over the last two minutes.
import { by, colour, el, ms, say, short } from "./dom.js";

const POINTS = 120; // one a second
const NUMBERS = { width: 300, height: 150 };

export class Charts {
  constructor() {
    this.times = [];
    this.series = { offered: [], completed: [], failed: [], p50: [], p99: [] };
    this.drawn = null;
  }
  add(at, load) {
    this.times.push(at / 1000);
    const new_ = {
      offered: load.offered,
      completed: load.completed,
      failed: load.failed,
      p50: load.p50_ms,
      p99: load.p99_ms,
    };
    for (const [name, value] of Object.entries(new_)) this.series[name].push(value ?? null);
    for (const each of [this.times, ...Object.values(this.series)]) if (each.length > POINTS) each.shift();
    this.draw();
    keyed(by("rates-told"), [
      ["offered", "waiting", short(load.offered)],
      ["completed", "ok", short(load.completed)],
      ["failed", "lost", short(load.failed)],
    ]);
    by("estimated").hidden = load.exact;
    keyed(by("latency-told"), [
      ["p50", "internet", ms(load.p50_ms)],
      ["p99", "alb", ms(load.p99_ms)],
    ]);
  }
  draw() {
    if (!window.uPlot) return;
    if (!this.drawn) this.make();
    const data = (names) => [this.times, ...names.map((name) => this.series[name])];
    this.drawn[0].setData(data(["offered", "completed", "failed"]));
    this.drawn[1].setData(data(["p50", "p99"]));
  }
  // Anew when the colours or the room have changed.
  make() {
    for (const each of this.drawn || []) each.destroy();
    this.drawn = [
      plot(
        by("rates"),
        [line("offered", "waiting", [5, 4]), line("completed", "ok"), line("failed", "lost")],
        (value) => short(value),
      ),
      plot(by("latency"), [line("p50", "internet"), line("p99", "alb")], (value) => ms(value)),
    ];
  }
  remake() {
    if (this.drawn) {
      this.make();
      this.draw();
    }
  }
}
const line = (label, ink, dash) => ({
  label,
  stroke: colour(ink),
  width: 1.8,
  dash,
  points: { show: false },
});
function plot(holder, lines, told) {
  const axis = {
    stroke: colour("soft"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui",
  };
  return new window.uPlot(
    {
      width: holder.clientWidth || NUMBERS.width,
      height: NUMBERS.height,
      cursor: { show: false },
      legend: { show: false },
      scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
      axes: [
        {
          ...axis,
          size: 22,
          values: (self, splits) =>
            splits.map((each) => {
              const last = self.data[0][self.data[0].length - 1];
              return each > last ? "" : `${Math.round(each - last)} s`;
            }),
        },
        { ...axis, size: 50, values: (_, splits) => splits.map(told) },
      ],
      series: [{}, ...lines],
    },
    [[], ...lines.map(() => [])],
    holder,
  );
}
function keyed(node, entries) {
  if (node.childElementCount !== entries.length)
    node.replaceChildren(
      ...entries.map(([name, ink]) =>
        el("span", {}, el("i", { css: { background: `var(--${ink})` } }), `${name} `, el("b", {})),
      ),
    );
  entries.forEach(([, , value], n) => say(node.children[n].lastChild, value));
}
