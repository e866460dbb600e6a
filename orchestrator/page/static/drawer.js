// An element's own state, as `journey inspect` has it.
import { asked, by, el, short, typed } from "./dom.js";

const MOST_ROWS = 40;
let before = null;

export async function openDrawer(name, picked) {
  const drawer = by("drawer");
  before = before || document.activeElement;
  picked(name);
  drawer.hidden = false;
  drawer.replaceChildren(head(name, "asking …", picked));
  drawer.focus();
  const found = await asked(`/api/inspect/${encodeURIComponent(name)}`);
  if (drawer.dataset.name !== undefined && drawer.hidden) return;
  drawer.replaceChildren(head(name, found.error ? "" : found.kind, picked));
  if (found.error) {
    drawer.append(el("p", { role: "alert" }, found.error));
    return;
  }
  drawer.append(
    el("p", {}, el("code", { class: "command" }, typed(`inspect ${name}`))),
    ...blocks(found.state),
  );
  if (found.cni_agent) drawer.append(el("h3", {}, found.cni_agent.name), ...blocks(found.cni_agent.state));
}
export function closeDrawer(picked) {
  by("drawer").hidden = true;
  picked(null);
  returnFocus(before);
  before = null;
}
// To where it was; lists are drawn anew meanwhile, so it may be another button of the same name.
function returnFocus(to) {
  if (!to) return;
  const again = to.dataset.element && document.querySelector(`[data-element="${to.dataset.element}"]`);
  (to.isConnected ? to : again)?.focus();
}
function head(name, kind, picked) {
  return el(
    "div",
    { class: "head" },
    el("h2", { id: "drawer-title" }, name, " ", el("span", { class: "soft" }, kind)),
    el("button", { type: "button", onclick: () => closeDrawer(picked) }, "Close"),
  );
}
const isFlat = (value) => value === null || typeof value !== "object";

// Single values first, as one table; then a block for each thing that has parts.
function blocks(state) {
  if (isFlat(state)) return [el("p", {}, told(state))];
  if (Array.isArray(state)) return [list(state)];
  const flat = Object.entries(state).filter(([, value]) => isFlat(value));
  const deep = Object.entries(state).filter(([, value]) => !isFlat(value) && Object.keys(value).length);
  return [
    flat.length ? pairs(flat) : "",
    ...deep.flatMap(([name, value]) => [
      el("h3", {}, name.replaceAll("_", " ")),
      el("div", { class: "block" }, Array.isArray(value) ? list(value) : dictionary(value)),
    ]),
  ];
}
const pairs = (entries) =>
  el(
    "table",
    {},
    el(
      "tbody",
      {},
      entries.map(([name, value]) =>
        el("tr", {}, el("th", { scope: "row" }, name.replaceAll("_", " ")), el("td", {}, told(value))),
      ),
    ),
  );
function dictionary(value) {
  const entries = Object.entries(value);
  if (entries.every(([, each]) => isFlat(each))) return pairs(entries);
  if (entries.every(([, each]) => !isFlat(each) && !Array.isArray(each)) && entries.length > 1)
    return list(entries.map(([name, each]) => ({ "": name, ...each })));
  return el(
    "div",
    {},
    entries.map(([name, each]) =>
      el("div", {}, el("b", {}, name), el("div", {}, isFlat(each) ? told(each) : blocks(each))),
    ),
  );
}
function list(rows) {
  const shown = rows.slice(0, MOST_ROWS);
  const left = rows.length - shown.length;
  const rest = left ? el("p", { class: "soft" }, `and ${left} more`) : "";
  const items = () => el("ul", {}, ...shown.map((row) => el("li", {}, told(row))));
  return el("div", {}, shown.every(isFlat) ? items() : table(shown), rest);
}
function table(rows) {
  const keys = rows.flatMap((row) => (isFlat(row) || Array.isArray(row) ? [] : Object.keys(row)));
  const columns = [...new Set(keys)];
  const heads = columns.map((name) => el("th", { scope: "col" }, name.replaceAll("_", " ")));
  const line = (row) => el("tr", {}, ...columns.map((name) => el("td", {}, told(row[name]))));
  const body = el("tbody", {}, rows.map(line));
  return el("table", { class: "many" }, el("thead", {}, el("tr", {}, heads)), body);
}
function told(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : short(value);
  if (typeof value === "object")
    return Array.isArray(value)
      ? value.map(told).join(", ")
      : Object.entries(value)
          .map(([name, each]) => `${name} ${told(each)}`)
          .join(", ");
  return String(value);
}
