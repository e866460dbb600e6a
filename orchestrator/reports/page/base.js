"use strict";
// Helpers: elements, numbers, the tip under the pointer.
const run = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"].map((name) => `var(${name})`);

function put(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(9)) if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}
const el = (name, attributes, ...children) => put(document.createElement(name), attributes, children);
const sv = (name, attributes, ...children) => put(document.createElementNS(SVG, name), attributes, children);
// On a phone pictures are drawn for its width, so that their words can be read.
const NARROW = innerWidth < 700;
const PAGE = NARROW ? 430 : 1000;
const picture = (width, height, label, ...children) =>
  sv("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...children);
const text = (x, y, words, attributes) => sv("text", { x, y, ...attributes }, words);

const many = (n) => n.toLocaleString("en-US");
function short(n) {
  if (n === null || n === undefined) return "–";
  const size = Math.abs(n);
  if (size >= 10000) return many(Math.round(n));
  return String(Number(n.toPrecision(size >= 100 ? 4 : 3)));
}
function milliseconds(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms >= 1000) return `${short(ms / 1000)} s`;
  return ms < 1 && ms > 0 ? `${short(ms * 1000)} µs` : `${short(ms)} ms`;
}
const seconds = (s) => `${short(s)} s`;
const share = (value) => `${(value * 100).toFixed(1)} %`;

function ticks(from, to, about) {
  const span = to - from || 1;
  const rough = span / about, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let n = Math.ceil(from / step - 1e-9); n * step <= to + step * 1e-9; n++) found.push(n * step);
  return found;
}
function logTicks(from, to) {
  const found = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to) + 1; power++)
    for (const n of to / from > 300 ? [1] : [1, 2, 5]) {
      const value = n * 10 ** power;
      if (value >= from * 0.999 && value <= to * 1.001) found.push(value);
    }
  return found;
}

const tip = document.getElementById("tip");
function showTip(event, words) {
  tip.textContent = words;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const x = event.clientX + 14 + box.width > innerWidth ? event.clientX - box.width - 14 : event.clientX + 14;
  const y = Math.max(4, Math.min(event.clientY + 12, innerHeight - box.height - 8));
  tip.style.left = `${Math.max(4, x)}px`;
  tip.style.top = `${y}px`;
}
const hideTip = () => { tip.hidden = true; };
const tipped = (words) => ({ onpointermove: (event) => showTip(event, words), onpointerleave: hideTip });
const clip = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);
