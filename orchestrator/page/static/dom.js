// Elements, numbers in words, and the tip under the pointer.
const SVG = "http://www.w3.org/2000/svg";

// What is set on `style` goes by the object model: the page's policy allows no style attributes.
function put(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "css")
      for (const [key, each] of Object.entries(value)) node.style.setProperty(key, each);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(9))
    if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}
export const el = (name, attributes, ...children) => put(document.createElement(name), attributes, children);
export const sv = (name, attributes, ...children) =>
  put(document.createElementNS(SVG, name), attributes, children);
export const by = (id) => document.getElementById(id);
// What the server has written into the page.
export const meta = (name) => document.querySelector(`meta[name="journey-${name}"]`).content;
// How a command of `journey` is typed for this world.
export const typed = (words) => `${meta("shell")} ${words}`;

export const AWAY = "the world does not answer; is it still up?";
// What the server answers; `error` in words if it does not.
export async function asked(path) {
  try {
    return await (await fetch(path)).json();
  } catch {
    return { error: AWAY };
  }
}

export function short(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return "–";
  if (Math.abs(n) >= 1000) return Math.round(n).toLocaleString("en-US");
  return String(Number(n.toPrecision(3)));
}
export function ms(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 1000) return `${short(value / 1000)} s`;
  return value > 0 && value < 0.1 ? `${short(value * 1000)} µs` : `${short(value)} ms`;
}
export const many = (n, thing) => `${n.toLocaleString("en-US")} ${thing}${n === 1 ? "" : "s"}`;
export const clip = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);
// A pod's name ends in what tells it from its sisters.
export const podName = (name) => (/^.+-[a-z0-9]{6,10}-([a-z0-9]{5})$/.exec(name) || [null, name])[1];

// Text of a node, only if it is another one: nothing is laid out anew for nothing.
export function say(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

// New content in a node's place; the focus stays with the element that it was on.
export function refill(holder, ...content) {
  const focused = holder.contains(document.activeElement) ? document.activeElement.dataset.element : null;
  holder.replaceChildren(...content);
  if (focused) holder.querySelector(`[data-element="${focused}"]`)?.focus();
}

const tip = by("tip");
export function showTip(x, y, words) {
  say(tip, words);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, x + 14 + box.width > innerWidth ? x - box.width - 14 : x + 14)}px`;
  tip.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - box.height - 8))}px`;
}
export const hideTip = () => {
  tip.hidden = true;
};
export const tipped = (words) => ({
  onpointermove: (event) => showTip(event.clientX, event.clientY, words),
  onpointerleave: hideTip,
});

export const SHAPES = {
  ok: "circle",
  http_4xx: "diamond",
  http_5xx: "square",
  lost: "cross",
  waiting: "ring",
};
export const OUTCOMES = {
  ok: "answered",
  http_4xx: "4xx",
  http_5xx: "5xx",
  lost: "no answer",
  waiting: "still waiting",
};

// Colours of the sheet, read again when light turns to dark.
let colours = {};
const NAMES = [
  "paper",
  "ink",
  "soft",
  "line",
  "raised",
  "ok",
  "http_4xx",
  "http_5xx",
  "lost",
  "waiting",
  "home",
  "internet",
  "dns",
  "aws",
  "alb",
  "node",
  "pod",
  "accent",
];
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  colours = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
export const colour = (name) => colours[name] || colours.soft;
readColours();
export const TIER_COLOURS = {
  home: "home",
  Internet: "internet",
  "DNS servers": "dns",
  "AWS network": "aws",
  "load balancer": "alb",
  node: "node",
  pod: "pod",
};
