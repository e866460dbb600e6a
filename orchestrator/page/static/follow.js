// One request: where its time went, what was said to whom, and every decision in the words of `journey trace`.
import { asked, by, clip, el, ms, OUTCOMES, sv, TIER_COLOURS, tipped, typed } from "./dom.js";
import { mark, ringed } from "./lists.js";

const ROW = 20;
const PROTOCOLS = {
  HTTP: "ok",
  TLS: "internet",
  TCP: "soft",
  DNS: "dns",
  UDP: "dns",
  ARP: "aws",
  ICMP: "alb",
};
const ink = (tier) => `var(--${TIER_COLOURS[tier] || "soft"})`;
const text = (x, y, words, attributes) => sv("text", { x, y, ...attributes }, words);

export async function follow(id, replay) {
  const holder = by("follow");
  holder.hidden = false;
  holder.replaceChildren(el("p", { class: "soft" }, "asking …"));
  const found = await asked(`/api/journey/${id}`);
  if (found.error) {
    holder.replaceChildren(top("A request"), el("p", { role: "alert" }, found.error));
    return;
  }
  const wide = Math.max(holder.clientWidth - 26, 340);
  holder.replaceChildren(
    top(
      el(
        "span",
        {},
        mark(found.outcome),
        ` GET ${found.url} `,
        el("b", {}, found.status ?? "no answer"),
        ` after ${ms(found.total_ms)}`,
      ),
    ),
    el("p", { class: "soft mono" }, found.hops.join(" → ")),
    el(
      "p",
      { class: "soft mono" },
      `journey ${found.id} · Root=1-${found.id.slice(0, 8)}-${found.id.slice(8)}`,
    ),
    found.you ? el("p", {}, ringed(), el("strong", {}, ` you: ${found.you}`)) : "",
    found.why ? el("p", {}, el("strong", {}, OUTCOMES[found.outcome]), `: ${found.why}`) : "",
    el(
      "p",
      {},
      el(
        "button",
        { type: "button", class: "main", onclick: () => replay(found.moving) },
        "Show it on the map, slowly",
      ),
    ),
    el("h3", {}, "Where its time went"),
    phases(found, wide),
    waterfall(found.waterfall, found.total_ms, wide),
    el(
      "h3",
      {},
      "What was said to whom ",
      el(
        "span",
        { class: "soft" },
        "downwards in the order in which it happened, not to scale; acknowledgements alone are left out",
      ),
    ),
    el("div", { class: "scroll wide" }, sequencePicture(found.sequence, Math.max(wide, 760))),
    found.sequence.left_out
      ? el("p", { class: "soft" }, `${found.sequence.left_out} more messages are not drawn`)
      : "",
    ...found.chapters.flatMap((chapter, n) => [
      el(
        "h3",
        {},
        `${n + 1}  ${chapter.title}${chapter.took_ms ? `, ${ms(chapter.took_ms)}` : ""} `,
        el("span", { class: "soft" }, chapter.about),
      ),
      el(
        "div",
        { class: "story" },
        chapter.lines.flatMap(([at, element, what, why, details, aside]) => [
          el("span", {}, at <= -1000 ? `${(at / 1000).toFixed(1)} s` : at.toFixed(3)),
          el("span", {}, element),
          el(
            "span",
            { class: aside ? "aside" : "" },
            what,
            why ? el("span", { class: "soft" }, ` — ${why}`) : "",
            details.map((each) => el("div", {}, each)),
          ),
        ]),
      ),
    ]),
    el(
      "p",
      {},
      el("code", { class: "command" }, typed("trace")),
      el("span", { class: "soft" }, " tells one like it; "),
      el("code", { class: "command" }, typed(`explain request ${found.id.slice(0, 8)}`)),
    ),
  );
  holder.focus({ preventScroll: true });
  holder.scrollIntoView({
    block: "start",
    behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
  });
}
function top(title) {
  return el(
    "div",
    { class: "head" },
    el("h2", { id: "follow-title" }, title),
    el(
      "button",
      {
        type: "button",
        onclick: () => {
          by("follow").hidden = true;
          history.replaceState(null, "", location.pathname);
          by("requests").focus();
        },
      },
      "Close",
    ),
  );
}
const picture = (width, height, label) =>
  sv("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });

function phases(found, width) {
  if (!found.phases.length) return "";
  const picked = picture(width, 34, found.phases.map(([name, value]) => `${name} ${ms(value)}`).join(", "));
  const names = { dns: "DNS", tcp: "TCP", tls: "TLS", first_byte: "first byte", download: "download" };
  let since = 0;
  found.phases.forEach(([name, value], n) => {
    const x = (since / found.total_ms) * width,
      w = Math.max((value / found.total_ms) * width - 1, 0.5);
    picked.append(
      sv("rect", {
        x,
        y: 4,
        width: w,
        height: 24,
        rx: 3,
        css: { fill: `var(--${["dns", "internet", "node", "ok", "aws"][n]})`, opacity: "0.85" },
        ...tipped(`${names[name] || name}: ${ms(value)}`),
      }),
    );
    if (w > 70) picked.append(text(x + 6, 20, `${names[name] || name} ${ms(value)}`, { class: "ink" }));
    since += value;
  });
  return picked;
}
function waterfall(bars, whole, width) {
  const left = Math.min(340, width * 0.42),
    px = (at) => left + (at / whole) * (width - left - 66);
  const picked = picture(width, bars.length * ROW + 4, "waterfall");
  bars.forEach((bar, n) =>
    picked.append(
      text(left - 8, n * ROW + 14, clip(`${bar.what}: ${bar.where}`, Math.floor(left / 6.4)), {
        "text-anchor": "end",
        class: "ink",
      }),
      sv("rect", {
        x: px(bar.at_ms),
        y: n * ROW + 4,
        height: ROW - 7,
        width: Math.max(px(bar.at_ms + bar.ms) - px(bar.at_ms), 1),
        rx: 2,
        css: { fill: ink(bar.tier) },
        ...tipped(`${bar.tier}, ${bar.what}\n${bar.where}\n${ms(bar.ms)} from ${ms(bar.at_ms)}`),
      }),
      text(px(bar.at_ms + bar.ms) + 5, n * ROW + 14, ms(bar.ms)),
    ),
  );
  return picked;
}
function sequencePicture(sequence, width) {
  const lane = width / Math.max(sequence.lanes.length, 1),
    px = (n) => (n + 0.5) * lane;
  const moments = [
    ...sequence.messages.map((message, n) => ({ at: message.sent_ms, rank: 1, n, message })),
    ...sequence.notes.map((note, n) => ({ at: note.at_ms, rank: 0, n, note })),
  ].sort((one, other) => one.at - other.at || one.rank - other.rank || one.n - other.n);
  const step = 32,
    head = 44,
    high = head + moments.length * step + 16;
  const picked = picture(width, high, "message sequence");
  sequence.lanes.forEach((each, n) =>
    picked.append(
      sv("line", {
        x1: px(n),
        x2: px(n),
        y1: 34,
        y2: high - 4,
        css: { stroke: ink(each.tier), opacity: "0.55" },
        "stroke-width": 1.5,
      }),
      sv(
        "g",
        tipped(`${each.name} (${each.tier || "?"})`),
        text(px(n), n % 2 ? 28 : 14, clip(each.name, Math.floor(lane / 3.2)), {
          "text-anchor": "middle",
          class: "ink",
        }),
      ),
    ),
  );
  moments.forEach((moment, row) =>
    picked.append(
      moment.note
        ? noteMark(moment.note, px, head + row * step + 14, width)
        : arrow(moment.message, px, head + row * step + 6),
    ),
  );
  return picked;
}
function noteMark(note, px, y, width) {
  const right = px(note.lane) > width * 0.6;
  return sv(
    "g",
    tipped(`${ms(note.at_ms)}\n${note.told}`),
    sv("circle", { cx: px(note.lane), cy: y, r: 4, css: { fill: "var(--alb)" } }),
    text(px(note.lane) + (right ? -9 : 9), y + 4, clip(note.told, 90), {
      "text-anchor": right ? "end" : "start",
      class: "ink",
    }),
  );
}
function arrow(message, px, y) {
  const stroke = `var(--${PROTOCOLS[message.protocol] || "soft"})`,
    from = px(message.from),
    to = px(message.to),
    back = to > from ? -7 : 7;
  return sv(
    "g",
    tipped(
      `${message.what}\n${message.packet}\n${message.bytes} bytes, sent at ${ms(message.sent_ms)}, took ${ms(message.arrived_ms - message.sent_ms)}`,
    ),
    sv("line", { x1: from, y1: y, x2: to, y2: y + 18, css: { stroke }, "stroke-width": 1.8 }),
    message.via
      .filter((lane) => (lane - message.from) * (lane - message.to) < 0)
      .map((lane) =>
        sv("circle", {
          cx: px(lane),
          cy: y + 18 * ((px(lane) - from) / (to - from || 1)),
          r: 2.5,
          css: { fill: stroke },
        }),
      ),
    sv("path", { d: `M${to} ${y + 18}l${back} -5l0 8z`, css: { fill: stroke } }),
    text((from + to) / 2, y + 3, `${clip(message.what, 44)}  ${ms(message.sent_ms)}`, {
      "text-anchor": "middle",
      class: "ink",
    }),
  );
}
