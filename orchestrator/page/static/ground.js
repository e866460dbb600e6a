// The still part of the map: elements, links, queues. Drawn when something of it has changed, not with every frame.
import { colour, podName, clip } from "./dom.js";
import { anchor } from "./layout.js";

const TIER = {
  client: "home",
  home: "home",
  isp: "internet",
  transit: "internet",
  aws_edge: "aws",
  alb: "alb",
  node: "node",
  pod: "pod",
  control: "dns",
};
const STATES = {
  healthy: "ok",
  initial: "http_4xx",
  draining: "http_4xx",
  unhealthy: "lost",
  unused: "soft",
};

export function drawGround(context, view, map, state, picked) {
  context.clearRect(0, 0, view.width, view.height);
  const targets = Object.fromEntries((state.targets || []).map((each) => [each.name, each]));
  lanes(context, view);
  const counted = (link) => (state.links || {})[link.name] || {};
  for (const link of map.links) drawLink(context, view, link, counted(link));
  context.textAlign = "center";
  for (const title of view.titles)
    write(context, title.words, title.x, title.y, "soft", "600 11px system-ui, sans-serif");
  for (const place of Object.values(view.places)) {
    if (place.box) drawNode(context, place, picked);
    else if (place.pod)
      drawPod(context, place, targets[place.element.name], (state.levels || {})[place.element.name], picked);
    else drawElement(context, place, state, picked);
  }
  for (const link of map.links) tellLink(context, view, link, counted(link));
}
function lanes(context, view) {
  if (view.narrow) return;
  context.strokeStyle = colour("line");
  context.setLineDash([2, 5]);
  context.beginPath();
  context.moveTo(8, view.height * 0.775);
  context.lineTo(view.width * 0.765, view.height * 0.775);
  context.stroke();
  context.setLineDash([]);
  context.textAlign = "left";
  write(context, "Name servers", 10, view.height * 0.775 + 18, "soft", "600 11px system-ui, sans-serif");
}
export function write(context, words, x, y, ink, font) {
  context.font = font || "11px system-ui, sans-serif";
  context.fillStyle = colour(ink || "ink");
  context.fillText(words, x, y);
}
// Legible on whatever is drawn there.
export function writeOver(context, words, x, y, ink, font) {
  context.font = font;
  context.strokeStyle = colour("paper");
  context.lineWidth = 3;
  context.strokeText(words, x, y);
  context.lineWidth = 1;
  write(context, words, x, y, ink, font);
}
function drawLink(context, view, link, now) {
  const one = anchor(view, link.ends[0]),
    other = anchor(view, link.ends[1]);
  if (!one || !other) return;
  const inside = [link.ends[0], link.ends[1]].some((name) => (view.places[name] || {}).pod);
  const dropped = lost(now),
    broken = isBroken(link, now);
  context.strokeStyle = broken || dropped ? colour("lost") : colour(now.sent ? "soft" : "line");
  context.globalAlpha = inside ? 0.35 : broken || dropped ? 1 : 0.75;
  context.lineWidth = Math.min(1 + Math.log2(1 + (now.sent || 0)) * 0.42, 6);
  if (broken) context.setLineDash([6, 5]);
  context.beginPath();
  context.moveTo(one.x, one.y);
  context.lineTo(other.x, other.y);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
  context.lineWidth = 1;
}
const lost = (now) => Object.values(now.dropped || {}).reduce((sum, each) => sum + each, 0);
const isBroken = (link, now) =>
  now.down || (now.dropped || {}).cut || (now.dropped || {}).down || link.fault;
// Above the elements, as some links are shorter than what there is to say of them.
function tellLink(context, view, link, now) {
  const one = anchor(view, link.ends[0]),
    other = anchor(view, link.ends[1]);
  if (!one || !other) return;
  const x = (one.x + other.x) / 2,
    y = (one.y + other.y) / 2,
    dropped = lost(now);
  if (isBroken(link, now)) mark(context, x, y);
  context.textAlign = "center";
  const font = "600 11px system-ui, sans-serif";
  if (dropped) writeOver(context, `${dropped.toFixed(dropped < 10 ? 1 : 0)} lost/s`, x, y - 24, "lost", font);
  if (now.queue) writeOver(context, `queue ${Math.round(now.queue)}`, x, y + 15, "http_4xx", font);
}
function mark(context, x, y) {
  context.strokeStyle = colour("lost");
  context.lineWidth = 2.5;
  context.beginPath();
  for (const sign of [1, -1]) {
    context.moveTo(x - 6, y - 6 * sign);
    context.lineTo(x + 6, y + 6 * sign);
  }
  context.stroke();
  context.lineWidth = 1;
}
function box(context, place, ink, picked, fill) {
  const x = place.x - place.w / 2,
    y = place.y - place.h / 2;
  context.beginPath();
  context.roundRect(x, y, place.w, place.h, 6);
  context.fillStyle = colour(fill || "raised");
  context.fill();
  const chosen = picked === place.element.name;
  context.lineWidth = chosen ? 3 : 1.5;
  context.strokeStyle = chosen ? colour("accent") : ink;
  if (place.element.state !== "up") context.setLineDash([3, 3]);
  context.stroke();
  context.setLineDash([]);
  context.lineWidth = 1;
}
function drawElement(context, place, state, picked) {
  const { element } = place;
  const up = element.state === "up";
  box(context, place, up ? colour(TIER[element.tier] || "soft") : colour("lost"), picked);
  context.textAlign = "center";
  const under = up ? below(element, state) : element.state;
  write(
    context,
    clip(element.name, Math.floor(place.w / 6)),
    place.x,
    place.y + (under ? -2 : 4),
    "ink",
    "600 11px system-ui, sans-serif",
  );
  if (under) write(context, under, place.x, place.y + 11, up ? "soft" : "lost", "10px system-ui, sans-serif");
}
// The number that counts at an element.
function below(element, state) {
  const levels = (state.levels || {})[element.name] || {},
    dns = (state.dns || {})[element.name];
  if (element.asn) return `AS${element.asn}`;
  if (element.kind === "alb") {
    const open = (state.targets || []).reduce((sum, each) => sum + (each.outstanding[element.name] || 0), 0);
    return `${open.toFixed(open < 10 && open % 1 ? 1 : 0)} outstanding`;
  }
  if (levels.nat_sessions !== undefined) return `NAT ${Math.round(levels.nat_sessions)}`;
  if (element.kind === "laptop") return levels.inflight ? `${Math.round(levels.inflight)} open` : "";
  if (dns && dns.queries) return `${dns.queries.toFixed(1)}/s`;
  return "";
}
function drawNode(context, place, picked) {
  const up = place.element.state === "up";
  box(context, place, colour(up ? "node" : "lost"), picked, "paper");
  context.textAlign = "left";
  const about = up ? place.element.zone : place.element.state;
  write(context, place.element.name, place.left + 8, place.top + 14, "ink", "600 11px system-ui, sans-serif");
  context.textAlign = "right";
  write(
    context,
    about,
    place.left + place.w - 8,
    place.top + 14,
    up ? "soft" : "lost",
    "10px system-ui, sans-serif",
  );
}
// A pod: how many requests it has (the longer the bar, the more), and its state as a target.
function drawPod(context, place, target, levels, picked) {
  const open = target
    ? Object.values(target.outstanding).reduce((sum, each) => sum + each, 0)
    : (levels || {}).inflight || 0;
  const ink =
    place.element.state === "up" ? colour(target ? STATES[target.state] || "pod" : "soft") : colour("lost");
  box(context, place, ink, picked);
  const x = place.x - place.w / 2,
    y = place.y - place.h / 2,
    full = Math.min(open / 16, 1);
  context.fillStyle = colour("pod");
  context.globalAlpha = 0.8;
  if (place.folded) {
    context.globalAlpha = 0.15 + 0.85 * full;
    context.fillRect(x + 2, y + 2, place.w - 4, place.h - 4);
  } else context.fillRect(x + 3, y + place.h - 6, Math.max((place.w - 6) * full, open > 0.05 ? 2 : 0), 3);
  context.globalAlpha = 1;
  if (place.folded) return;
  context.textAlign = "left";
  write(context, clip(podName(place.element.name), 9), x + 6, y + 13, "ink", "11px ui-monospace, monospace");
  context.textAlign = "right";
  const said =
    target && target.state !== "healthy" ? target.state : open ? open.toFixed(open < 10 ? 1 : 0) : "";
  write(
    context,
    clip(said, 8),
    x + place.w - 5,
    y + (target && target.state !== "healthy" && place.w < 100 ? 24 : 13),
    target && target.state === "unhealthy" ? "lost" : "soft",
    "10px system-ui, sans-serif",
  );
}
