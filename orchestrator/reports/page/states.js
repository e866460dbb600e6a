// What is of many pods at once: states as strips, numbers as heat.
const STATES = {
  healthy: "var(--c2)", Ready: "var(--c2)", initial: "var(--c5)", Running: "var(--c5)", Pending: "var(--c6)",
  ContainerCreating: "var(--c6)", draining: "var(--c4)", Terminating: "var(--c4)", unhealthy: "var(--c1)",
  Error: "var(--c1)", CrashLoopBackOff: "var(--c1)", Failed: "var(--c1)", unused: "var(--c7)",
  Completed: "var(--c7)", Succeeded: "var(--c7)",
};
const NAMES = NARROW ? 110 : 190, ROW = 17;
const NAME_LENGTH = NARROW ? 16 : 27;

// rows: [{name, values}], one value for each second that ends at x
function strips(range, title, x, rows, note, events, colourOf, tellOf) {
  if (!rows.length) return null;
  const holder = el("div");
  range.add(() => {
    const [from, to] = range.now;
    const high = TOP + rows.length * ROW + BOTTOM;
    const px = (value) => NAMES + ((value - from) / (to - from)) * (PAGE - NAMES - RIGHT);
    const picked = picture(PAGE, high, `${title}, by pod and second`);
    rows.forEach((row, n) => {
      const y = TOP + n * ROW;
      picked.append(text(NAMES - 8, y + 12, clip(row.name, NAME_LENGTH), { "text-anchor": "end", class: "ink" }));
      for (const span of spans(x, row.values)) {
        const since = Math.max(from, span.from), until = Math.min(to, span.to);
        if (until <= since || span.value === null) continue;
        picked.append(sv("rect", {
          x: px(since), width: Math.max(px(until) - px(since), 0.5), y: y + 1, height: ROW - 2, ...colourOf(span.value),
          ...tipped(`${row.name}\n${seconds(span.from)} to ${seconds(span.to)}: ${tellOf(span.value)}`),
        }));
      }
    });
    for (const value of ticks(from, to, NARROW ? 5 : 10)) picked.append(text(px(value), high - 8, seconds(value), { "text-anchor": "middle" }));
    marks(picked, events, from, to, px, high - BOTTOM);
    holder.replaceChildren(picked);
  });
  return el("figure", { class: "whole" }, el("figcaption", {}, title, el("span", { class: "soft" }, note)), holder);
}
function spans(x, values) {
  const found = [];
  values.forEach((value, n) => {
    const last = found[found.length - 1], since = n ? x[n - 1] : 0;
    if (last && last.value === value) last.to = x[n];
    else found.push({ value, from: since, to: x[n] });
  });
  return found;
}
function stateStrips(range, title, x, states, names, events, note) {
  const rows = Object.entries(states).map(([name, values]) => ({ name: names(name), values }));
  const seen = [...new Set(rows.flatMap((row) => row.values))].filter((state) => state !== null);
  const figure = strips(range, title, x, rows, note, events, (state) => ({ fill: STATES[state] || "var(--c3)" }), (state) => state);
  if (figure) figure.querySelector("figcaption").after(el("div", { class: "legend" },
    seen.map((state) => el("span", {}, swatch(STATES[state] || "var(--c3)", true), state))));
  return figure;
}
function heat(range, title, x, columns, names, events, note, most) {
  const rows = Object.entries(columns).map(([name, values]) => ({ name: names(name), values }))
    .filter((row) => row.values.some((value) => value));
  return strips(range, title, x, rows, note, events,
    (value) => ({ style: `fill:rgba(var(--heat),${(0.06 + 0.94 * Math.sqrt(Math.min(value / most, 1))).toFixed(3)})` }), short);
}
const largest = (columns) => Math.max(1e-9, ...Object.values(columns).flat().map((value) => value || 0));
