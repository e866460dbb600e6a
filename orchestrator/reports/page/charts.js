// Charts over time that share one range (drag to zoom, double click to see all again), and the nines axis.
const WIDE = NARROW ? PAGE : 640, HIGH = 230, LEFT = 52, RIGHT = 12, TOP = 18, BOTTOM = 24;

// The part of a variant's time that all of its charts show.
class Range {
  constructor(until) { this.all = [0, until]; this.now = this.all; this.charts = []; }
  add(draw) { this.charts.push(draw); draw(); }
  show(from, to) { this.now = to - from > 0.2 ? [from, to] : this.all; for (const draw of this.charts) draw(); }
}

// lines: [{name, values, colour, dash, stacked}]; options: unit (a function), log, events, note
function timeChart(range, title, x, lines, options) {
  const off = new Set();
  const holder = el("div");
  let log = Boolean(options.log);
  const legend = el("div", { class: "legend" }, lines.map((line) => {
    const button = el("button", { type: "button", "aria-pressed": "true" }, swatch(line.colour, false, line.dash), line.name);
    button.addEventListener("click", () => {
      if (!off.delete(line)) off.add(line);
      button.setAttribute("aria-pressed", String(!off.has(line)));
      draw();
    });
    return button;
  }));
  if (options.log !== undefined) {
    const button = el("button", { type: "button", class: "screen", "aria-pressed": "true" });
    const told = () => { button.textContent = log ? "(logarithmic axis)" : "(linear axis)"; };
    button.addEventListener("click", () => { log = !log; told(); draw(); });
    told();
    legend.append(button);
  }
  function draw() {
    holder.replaceChildren(timePicture(range, title, x, lines.filter((line) => !off.has(line)), { ...options, log }));
  }
  range.add(draw);
  return el("figure", { class: options.whole ? "whole" : null },
    el("figcaption", {}, title, el("span", { class: "soft" }, options.note)), legend, holder);
}
const swatch = (colour, box, dash) => el("i", { class: box ? "box" : null,
  style: `background:${dash ? `repeating-linear-gradient(90deg,${colour} 0 4px,transparent 4px 7px)` : colour}` });

function timePicture(range, title, x, lines, options) {
  const [from, to] = range.now, wide = options.whole ? (NARROW ? PAGE : 1280) : WIDE;
  const inside = x.map((value, n) => n).filter((n) => x[n] >= from - 1e-9 && x[n] <= to + 1e-9);
  const tops = stack(lines, inside);
  const found = lines.flatMap((line, n) => inside.map((i) => tops[n][i])).filter((v) => v !== null && v !== undefined);
  const most = Math.max(...found, options.log ? 1e-3 : 0) || 1;
  const least = options.log ? Math.min(...found.filter((v) => v > 0), most) / 1.3 : 0;
  const px = (value) => LEFT + ((value - from) / (to - from)) * (wide - LEFT - RIGHT);
  const height = HIGH - TOP - BOTTOM;
  const part = options.log
    ? (v) => Math.log(Math.max(v, least) / least) / Math.log((most * 1.15) / least)
    : (v) => v / (most * 1.08);
  const py = (v) => HIGH - BOTTOM - part(v) * height;
  const picked = picture(wide, HIGH, `${title}: ${lines.map((line) => line.name).join(", ")}`);
  for (const value of options.log ? logTicks(least, most * 1.15) : ticks(0, most * 1.08, 5))
    picked.append(sv("line", { class: "grid", x1: LEFT, x2: wide - RIGHT, y1: py(value), y2: py(value) }),
      text(LEFT - 6, py(value) + 4, options.unit(value), { "text-anchor": "end" }));
  for (const value of ticks(from, to, NARROW ? 5 : 8))
    picked.append(text(px(value), HIGH - 8, seconds(value), { "text-anchor": "middle" }));
  lines.forEach((line, n) => {
    if (line.stacked) picked.append(sv("path", { d: area(inside, x, tops[n], floor(lines, tops, n), px, py), fill: line.colour, opacity: 0.75 }));
    else picked.append(sv("path", { d: path(inside, x, tops[n], px, py), fill: "none", stroke: line.colour, "stroke-width": 1.8, "stroke-linejoin": "round", "stroke-dasharray": line.dash }));
  });
  marks(picked, options.events || [], from, to, px, HIGH - BOTTOM);
  follow(picked, range, inside, x, lines, options, px, wide);
  return picked;
}
function stack(lines, inside) {
  const sums = [];
  return lines.map((line) => line.stacked
    ? Object.fromEntries(inside.map((i) => [i, (sums[i] = (sums[i] || 0) + (line.values[i] || 0))]))
    : line.values);
}
function floor(lines, tops, n) {
  for (let below = n - 1; below >= 0; below--) if (lines[below].stacked) return tops[below];
  return null;
}
function path(inside, x, values, px, py) {
  let d = "", open = false;
  for (const i of inside) {
    if (values[i] === null || values[i] === undefined) { open = false; continue; }
    d += `${open ? "L" : "M"}${px(x[i]).toFixed(1)} ${py(values[i]).toFixed(1)}`;
    if (!open && inside.length === 1) d += "h2";
    open = true;
  }
  return d;
}
function area(inside, x, values, below, px, py) {
  const forth = inside.map((i) => `${px(x[i]).toFixed(1)} ${py(values[i]).toFixed(1)}`);
  const back = [...inside].reverse().map((i) => `${px(x[i]).toFixed(1)} ${py(below ? below[i] : 0).toFixed(1)}`);
  return forth.length ? `M${[...forth, ...back].join("L")}Z` : "";
}
function marks(picked, events, from, to, px, bottom) {
  events.forEach((event, n) => {
    if (event.at_s < from || event.at_s > to) return;
    const x = px(event.at_s);
    picked.append(sv("line", { class: "event", x1: x, x2: x, y1: 12, y2: bottom }),
      sv("g", tipped(`${seconds(event.at_s)}: ${event.what}`),
        sv("circle", { class: "eventmark", cx: x, cy: 8, r: 7 }),
        text(x, 11.5, String(n + 1), { class: "eventno", "text-anchor": "middle" })));
  });
}
// The cross hair with the values at it, and zooming.
function follow(picked, range, inside, x, lines, options, px, wide) {
  const [from, to] = range.now;
  const cross = sv("line", { class: "cross", y1: TOP, y2: HIGH - BOTTOM, visibility: "hidden" });
  const zoom = sv("rect", { class: "zoom", y: TOP, height: HIGH - TOP - BOTTOM, visibility: "hidden" });
  picked.append(zoom, cross);
  let begun = null;
  const at = (event) => {
    const box = picked.getBoundingClientRect();
    const inPicture = ((event.clientX - box.left) / box.width) * wide;
    return Math.min(to, Math.max(from, from + ((inPicture - LEFT) / (wide - LEFT - RIGHT)) * (to - from)));
  };
  picked.addEventListener("pointermove", (event) => {
    if (!inside.length || event.target.closest("g")) return;
    const moment = at(event);
    const i = inside.reduce((best, n) => (Math.abs(x[n] - moment) < Math.abs(x[best] - moment) ? n : best));
    put(cross, { x1: px(x[i]), x2: px(x[i]), visibility: "visible" }, []);
    if (begun !== null) put(zoom, { x: px(Math.min(begun, moment)), width: Math.abs(px(moment) - px(begun)), visibility: "visible" }, []);
    const told = lines.map((line) => `${line.name}: ${line.values[i] === null || line.values[i] === undefined ? "–" : options.unit(line.values[i])}`);
    showTip(event, [`at ${seconds(x[i])}`, ...told].join("\n"));
  });
  picked.addEventListener("pointerleave", () => { hideTip(); begun = null; cross.setAttribute("visibility", "hidden"); zoom.setAttribute("visibility", "hidden"); });
  picked.addEventListener("pointerdown", (event) => { begun = at(event); event.preventDefault(); });
  picked.addEventListener("pointerup", (event) => {
    const ended = at(event), since = begun;
    begun = null;
    if (since !== null && Math.abs(ended - since) > (to - from) / 50) range.show(Math.min(since, ended), Math.max(since, ended));
  });
  picked.addEventListener("dblclick", () => range.show(0, 0));
}

// Latency by percentile; each further nine is as far away as the last.
function nines(curves, title = "Latency by percentile") {
  const place = (percentile) => -Math.log10(1 - Math.min(percentile, 99.9999) / 100);
  const points = curves.map((curve) => curve.points.filter(([percentile]) => percentile < 100));
  const rest = points.flat();
  if (!rest.length) return null;
  const far = Math.max(...rest.map(([percentile]) => place(percentile))) + 0.15;
  const values = rest.map((point) => point[1]).filter((v) => v > 0);
  const most = Math.max(...values) * 1.2, least = Math.min(...values) / 1.2;
  const width = PAGE, high = 300;
  const px = (percentile) => LEFT + (place(percentile) / far) * (width - LEFT - RIGHT);
  const py = (v) => high - BOTTOM - (Math.log(Math.max(v, least) / least) / Math.log(most / least)) * (high - TOP - BOTTOM);
  const picked = picture(width, high, title);
  for (const value of logTicks(least, most))
    picked.append(sv("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: py(value), y2: py(value) }),
      text(LEFT - 6, py(value) + 4, milliseconds(value), { "text-anchor": "end" }));
  for (const value of [0, 50, 75, 90, 99, 99.9, 99.99, 99.999].filter((p) => place(p) <= far))
    picked.append(sv("line", { class: "grid", x1: px(value), x2: px(value), y1: TOP, y2: high - BOTTOM }),
      text(px(value), high - 8, `${value} %`, { "text-anchor": "middle" }));
  curves.forEach((curve, n) => {
    const d = points[n].map(([percentile, v], i) => `${i ? "L" : "M"}${px(percentile).toFixed(1)} ${py(v).toFixed(1)}`).join("");
    const whole = (percentile) => [50, 90, 99, 99.9, 99.99, 99.999].includes(percentile);
    picked.append(sv("path", { d, fill: "none", stroke: curve.colour, "stroke-width": 2, "stroke-dasharray": curve.dash }));
    for (const [percentile, v] of points[n])
      picked.append(sv("circle", { cx: px(percentile), cy: py(v), r: whole(percentile) ? 4 : 2, fill: curve.colour, ...tipped(`${curve.name}\n${percentile} % within ${milliseconds(v)}`) }));
  });
  return el("figure", { class: "whole" },
    el("figcaption", {}, title, el("span", { class: "soft" }, "each further nine is as far away as the last; exact values, from HdrHistogram")),
    el("div", { class: "legend" }, curves.map((curve) => el("span", {}, swatch(curve.colour, false, curve.dash), curve.name))), picked);
}
