// Events and recorded requests, the newest first; the elements as a table.
import { by, clip, el, ms, OUTCOMES, podName, refill, SHAPES, short, sv } from "./dom.js";

const MOST = 80;

export function mark(outcome) {
  const ink = `var(--${outcome})`;
  const inner = {
    circle: () => sv("circle", { cx: 6, cy: 6, r: 4.5, css: { fill: ink } }),
    square: () => sv("rect", { x: 1.5, y: 1.5, width: 9, height: 9, css: { fill: ink } }),
    diamond: () => sv("path", { d: "M6 0.5L11.5 6L6 11.5L0.5 6Z", css: { fill: ink } }),
    cross: () => sv("path", { d: "M2 2L10 10M2 10L10 2", css: { stroke: ink, "stroke-width": "2.4" } }),
    ring: () => sv("circle", { cx: 6, cy: 6, r: 4, css: { fill: "none", stroke: ink, "stroke-width": "2" } }),
  }[SHAPES[outcome]]();
  return sv("svg", { viewBox: "0 0 12 12", role: "img", "aria-label": OUTCOMES[outcome] }, inner);
}

// What whoever looks on has sent: a ring, as on the map.
export const ringed = () =>
  sv(
    "svg",
    { viewBox: "0 0 12 12", role: "img", "aria-label": "yours" },
    sv("circle", { cx: 6, cy: 6, r: 5, css: { fill: "none", stroke: "var(--ink)", "stroke-width": "1.6" } }),
    sv("circle", { cx: 6, cy: 6, r: 2, css: { fill: "var(--soft)" } }),
  );

const clockTime = (at, offset) => new Date(at + offset).toTimeString().slice(0, 8);

export class Lists {
  constructor(clock) {
    this.clock = clock;
  }
  // From model time to the time of day.
  get offset() {
    return Date.now() - (performance.now() + this.clock.offset);
  }
  addEvents(events) {
    const holder = by("events");
    const items = events
      .map((each) =>
        el(
          "li",
          { "data-kind": each.kind },
          el("span", {}, clockTime(each.at, this.offset)),
          el("span", {}, each.element ? el("b", {}, `${podName(each.element)} `) : "", each.told),
        ),
      )
      .reverse();
    holder.prepend(...items);
    while (holder.childElementCount > MOST) holder.lastChild.remove();
  }
  addRequests(requests, follow) {
    const holder = by("requests");
    for (const each of requests) {
      const known = holder.querySelector(`[data-id="${each.id}"]`);
      if (known) known.remove();
      holder.prepend(
        el(
          "li",
          { "data-id": each.id, "data-you": each.you || null },
          el(
            "button",
            { type: "button", onclick: () => follow(each.id) },
            mark(each.outcome),
            el("span", {}, clockTime(each.at, this.offset)),
            el("b", {}, each.status ?? "–"),
            el("span", {}, ms(each.ms)),
            each.you ? el("b", {}, ringed(), ` you: ${each.you} `) : "",
            el("span", { class: "soft" }, each.why ? clip(each.why, 60) : podName(each.pod)),
          ),
        ),
      );
    }
    while (holder.childElementCount > MOST) holder.lastChild.remove();
  }
}

const COLUMNS = ["element", "kind", "state", "where", "now"];

export function showElements(map, state, open) {
  const heads = COLUMNS.map((name) => el("th", { scope: "col" }, name));
  const rows = map.elements.map((each) =>
    el("tr", {}, ...cells(each, state, open).map((cell) => el("td", {}, cell))),
  );
  refill(by("element-list"), el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows)));
}
function cells(element, state, open) {
  const { name } = element;
  const target = state.targets.find((one) => one.name === name);
  const levels = Object.entries(state.levels[name] || {});
  const told = levels.map(([what, value]) => `${what.replaceAll("_", " ")} ${short(value)}`);
  if (target) told.push(`${target.state} target`);
  return [
    el("button", { type: "button", class: "plain", "data-element": name, onclick: () => open(name) }, name),
    element.kind,
    el("span", { class: `state ${element.state}` }, element.state),
    element.node || element.zone || (element.asn ? `AS${element.asn}` : ""),
    told.join(", "),
  ];
}
