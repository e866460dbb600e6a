// Recorded requests: where their time went, and what was said to whom.
const TIERS = { home: 0, Internet: 5, "DNS servers": 6, "AWS network": 4, "load balancer": 3, node: 7, pod: 2 };
const tierColour = (tier) => COLOURS[TIERS[tier] ?? 1];
const PROTOCOLS = { HTTP: "var(--c2)", TLS: "var(--c0)", TCP: "var(--c7)", DNS: "var(--c4)", UDP: "var(--c4)", ARP: "var(--c6)", ICMP: "var(--c1)" };

function budgetFigure(variants) {
  const shown = variants.filter(([, variant]) => variant.budget.length);
  if (!shown.length) return null;
  const most = Math.max(...shown.map(([, variant]) => variant.budget.reduce((sum, tier) => sum + tier.ms, 0)));
  const high = 10 + shown.length * 46 + BOTTOM, px = (ms) => NAMES + (ms / most) * (PAGE - NAMES - 70);
  const picked = picture(PAGE, high, "latency budget by tier");
  for (const value of ticks(0, most, NARROW ? 3 : 8))
    picked.append(sv("line", { class: "grid", x1: px(value), x2: px(value), y1: 6, y2: high - BOTTOM }), text(px(value), high - 8, milliseconds(value), { "text-anchor": "middle" }));
  shown.forEach(([name, variant], n) => {
    let sum = 0;
    picked.append(text(NAMES - 8, 36 + n * 46, clip(name || "all requests", NAME_LENGTH), { "text-anchor": "end", class: "ink" }));
    for (const tier of variant.budget) {
      const ways = Object.entries(tier.ways).map(([way, ms]) => `${way} ${milliseconds(ms)}`);
      picked.append(sv("rect", { x: px(sum), y: 16 + n * 46, width: Math.max(px(sum + tier.ms) - px(sum), 0.5), height: 32, fill: tierColour(tier.tier), ...tipped([`${tier.tier}: ${milliseconds(tier.ms)}`, ...ways].join("\n")) }));
      sum += tier.ms;
    }
    picked.append(text(px(sum) + 8, 36 + n * 46, milliseconds(sum), { class: "ink" }));
  });
  const tiers = [...new Set(shown.flatMap(([, variant]) => variant.budget.map((tier) => tier.tier)))];
  return el("figure", { class: "whole" },
    el("figcaption", {}, "Where the time went", el("span", { class: "soft" }, "mean of the recorded requests, every nanosecond counted once; in model time")),
    el("div", { class: "legend" }, tiers.map((tier) => el("span", {}, swatch(tierColour(tier), true), tier))), picked);
}

function waterfall(request) {
  const high = request.bars.length * ROW + BOTTOM, left = NARROW ? 190 : 330;
  const px = (ms) => left + (ms / request.total_ms) * (PAGE - left - 70);
  const picked = picture(PAGE, high, `waterfall of request ${request.id}`);
  for (const value of ticks(0, request.total_ms, NARROW ? 2 : 6))
    picked.append(sv("line", { class: "grid", x1: px(value), x2: px(value), y1: 0, y2: high - BOTTOM }), text(px(value), high - 8, milliseconds(value), { "text-anchor": "middle" }));
  request.bars.forEach((bar, n) => {
    const y = n * ROW;
    picked.append(text(left - 8, y + 12, clip(`${bar.what}: ${bar.where}`, NARROW ? 27 : 46), { "text-anchor": "end", class: "ink" }),
      sv("rect", { x: px(bar.at_ms), y: y + 3, height: ROW - 6, width: Math.max(px(bar.at_ms + bar.ms) - px(bar.at_ms), 1), fill: tierColour(bar.tier), ...tipped(`${bar.tier}, ${bar.what}\n${bar.where}\n${milliseconds(bar.ms)} from ${milliseconds(bar.at_ms)}`) }),
      text(px(bar.at_ms + bar.ms) + 5, y + 12, milliseconds(bar.ms)));
  });
  return picked;
}
function waterfalls(variant, pods) {
  return variant.slowest.map((request, n) => el("details", { open: n === 0, "data-print": n < 3 },
    el("summary", {}, el("strong", {}, milliseconds(request.total_ms)), `, ${request.error || request.status}, due at ${seconds(request.at_s)}, ${pods(request.pod)} `,
      el("span", { class: "soft" }, `Root=1-${request.id.slice(0, 8)}-${request.id.slice(8)}`)),
    request.why && el("p", { class: "soft" }, request.why), waterfall(request)));
}

// Lanes are elements; time goes down by the order of what happened, not by how long it took.
function sequencePicture(sequence) {
  const lane = 1000 / Math.max(sequence.lanes.length, 1), px = (n) => (n + 0.5) * lane;
  const moments = [
    ...sequence.messages.map((message, n) => ({ at: message.sent_ms, rank: 1, n, message })),
    ...sequence.notes.map((note, n) => ({ at: note.at_ms, rank: 0, n, note })),
  ].sort((one, other) => one.at - other.at || one.rank - other.rank || one.n - other.n);
  const step = 34, top = 44, high = top + moments.length * step + 16;
  const picked = picture(1000, high, "message sequence");
  sequence.lanes.forEach((each, n) => picked.append(
    sv("line", { x1: px(n), x2: px(n), y1: 34, y2: high - 4, stroke: tierColour(each.tier), "stroke-width": 1.5, opacity: 0.55 }),
    sv("g", tipped(`${each.name} (${each.tier || "?"})`), text(px(n), n % 2 ? 28 : 14, clip(each.name, Math.floor(lane / (n === sequence.lanes.length - 1 ? 5.8 : 3.1))), { "text-anchor": "middle", class: "ink" }))));
  moments.forEach((moment, row) => picked.append(moment.note ? noteMark(moment.note, px, top + row * step + 14) : arrow(moment.message, px, top + row * step + 6)));
  return picked;
}
function noteMark(note, px, y) {
  const right = px(note.lane) > 600;
  return sv("g", tipped(`${milliseconds(note.at_ms)}\n${note.told}`), sv("circle", { cx: px(note.lane), cy: y, r: 4, fill: "var(--c1)" }),
    text(px(note.lane) + (right ? -9 : 9), y + 4, clip(note.told, 90), { "text-anchor": right ? "end" : "start", class: "ink" }));
}
function arrow(message, px, y) {
  const colour = PROTOCOLS[message.protocol] || "var(--c3)", from = px(message.from), to = px(message.to);
  const back = to > from ? -7 : 7;
  return sv("g", tipped(`${message.what}\n${message.packet}\n${message.bytes} bytes, sent at ${milliseconds(message.sent_ms)}, took ${milliseconds(message.arrived_ms - message.sent_ms)}`),
    sv("line", { x1: from, y1: y, x2: to, y2: y + 18, stroke: colour, "stroke-width": 1.8 }),
    message.via.filter((lane) => (lane - message.from) * (lane - message.to) < 0).map((lane) => sv("circle", { cx: px(lane), cy: y + 18 * ((px(lane) - from) / (to - from || 1)), r: 2.5, fill: colour })),
    sv("path", { d: `M${to} ${y + 18}l${back} -5l0 8z`, fill: colour }),
    text((from + to) / 2, y + 3, `${clip(message.what, 44)}  ${milliseconds(message.sent_ms)}`, { "text-anchor": "middle", class: "ink" }));
}
function sequences(variant) {
  if (!variant.sequences.length) return null;
  const holder = el("div"), left = el("p", { class: "soft" });
  const show = (n) => {
    const sequence = variant.sequences[n];
    holder.replaceChildren(sequencePicture(sequence));
    left.textContent = sequence.left_out ? `${many(sequence.left_out)} more messages are not drawn` : "";
  };
  const choice = el("select", { class: "screen", "aria-label": "request", onchange: (event) => show(Number(event.target.value)) },
    variant.slowest.map((request, n) => el("option", { value: n }, `${milliseconds(request.total_ms)}, ${request.error || request.status}, ${request.id.slice(0, 8)}`)));
  show(0);
  return el("figure", { class: "whole" },
    el("figcaption", {}, "Messages of one request ", choice, el("span", { class: "soft" }, "downwards in the order in which things happened, not to scale; acknowledgements alone are left out")),
    el("div", { class: "legend" }, Object.entries(PROTOCOLS).filter(([name]) => variant.sequences.some((s) => s.messages.some((m) => m.protocol === name))).map(([name, colour]) => el("span", {}, swatch(colour), name))),
    el("div", { class: "wide drawn" }, holder), left);
}
