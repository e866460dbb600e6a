// Events and recorded requests, the newest first; the elements as a table.
import { by, clip, el, ms, OUTCOMES, podName, SHAPES, short, sv } from "./dom.js";

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

const clockTime = (at, offset) => new Date(at + offset).toTimeString().slice(0, 8);

export class Lists {
  constructor(clock) { this.clock = clock; }
  // From model time to the time of day.
  get offset() { return Date.now() - (performance.now() + this.clock.offset); }
  addEvents(events) {
    const holder = by("events");
    const items = events.map((each) => el("li", { "data-kind": each.kind }, el("span", {}, clockTime(each.at, this.offset)), el("span", {}, each.element ? el("b", {}, `${podName(each.element)} `) : "", each.told))).reverse();
    holder.prepend(...items);
    while (holder.childElementCount > MOST) holder.lastChild.remove();
  }
  addRequests(requests, follow) {
    const holder = by("requests");
    for (const each of requests) {
      const known = holder.querySelector(`[data-id="${each.id}"]`);
      if (known) known.remove();
      holder.prepend(el("li", { "data-id": each.id }, el("button", { type: "button", onclick: () => follow(each.id) },
        mark(each.outcome), el("span", {}, clockTime(each.at, this.offset)), el("b", {}, each.status ?? "–"), el("span", {}, ms(each.ms)), el("span", { class: "soft" }, each.why ? clip(each.why, 60) : podName(each.pod)))));
    }
    while (holder.childElementCount > MOST) holder.lastChild.remove();
  }
}

export function showElements(map, state, open) {
  const rows = map.elements.map((each) => {
    const levels = { ...(state.levels[each.name] || {}) };
    const target = state.targets.find((one) => one.name === each.name);
    const told = [...Object.entries(levels).map(([name, value]) => `${name.replaceAll("_", " ")} ${short(value)}`), ...(target ? [`${target.state} target`] : [])];
    return el("tr", {}, el("td", {}, el("button", { type: "button", class: "plain", "data-element": each.name, onclick: () => open(each.name) }, each.name)),
      el("td", {}, each.kind), el("td", {}, el("span", { class: `state ${each.state}` }, each.state)), el("td", {}, each.node || each.zone || (each.asn ? `AS${each.asn}` : "")), el("td", {}, told.join(", ")));
  });
  const holder = by("element-list"), focused = holder.contains(document.activeElement) ? document.activeElement.dataset.element : null;
  holder.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ["element", "kind", "state", "where", "now"].map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, rows)));
  if (focused) holder.querySelector(`[data-element="${focused}"]`)?.focus();
}
