// What moves: packets of recorded requests on their links, and requests that wait at an element. Colour and shape tell
// what became of the request.
import { colour, SHAPES } from "./dom.js";
import { writeOver } from "./ground.js";
import { anchor, between } from "./layout.js";

export const MOST_DOTS = 1500;
const BIG = 4.6,
  SMALL = 2.6,
  WORDS_FROM = 50,
  ABOVE = 23, // of words, over what they are about
  ABOVE_RING = 13,
  BELOW_RING = -17;

// Returns how many dots there are. Dots of one outcome are one path: filling is what costs.
export function drawDots(context, view, clock) {
  context.clearRect(0, 0, view.width, view.height);
  const paths = {},
    words = [],
    own_words = [],
    yours = new Path2D(),
    lost = [],
    waiting = {};
  let count = 0;
  for (const [request, own] of clock.moving()) {
    if (count >= MOST_DOTS) break;
    const path = (paths[request.outcome] = paths[request.outcome] || new Path2D());
    const fate = request.lost.length ? request.lost[request.lost.length - 1] : null;
    let last = null,
      onTheWay = false;
    for (const step of request.steps) {
      if (step[2] > own) break;
      if (own >= step[3]) {
        last = step;
        continue;
      }
      if (clock.stretched && step[4] === "TCP ACK") continue;
      const at = between(view, step[0], step[1], (own - step[2]) / (step[3] - step[2]));
      if (!at) continue;
      onTheWay = true;
      count++;
      shape(path, SHAPES[request.outcome], at.x, at.y, step[4] === "TCP ACK" ? SMALL : BIG);
      if (request.you) {
        shape(yours, "circle", at.x, at.y, BIG + 4);
        own_words.push(clock.stretched ? ["you", at, ABOVE_RING] : [`you: ${step[4]}`, at]);
      } else if (clock.slow >= WORDS_FROM || clock.loop) words.push([step[4], at]);
    }
    if (fate && own >= fate[2]) lost.push([view, fate, own - fate[2]]);
    else if (!onTheWay && own <= request.ms) {
      const where = last ? last[1] : request.from;
      if (where) {
        (waiting[where] = waiting[where] || []).push(request);
        count++;
      }
    }
  }
  crowds(view, waiting, paths, yours, own_words);
  for (const [outcome, path] of Object.entries(paths)) paint(context, outcome, path);
  ring(context, yours);
  for (const [seen, fate] of lost.slice(-60)) burst(context, seen, fate);
  tell(context, [...own_words.slice(-6), ...words.slice(-14)]);
  return count;
}
function paint(context, outcome, path) {
  context.lineWidth = 1;
  context.strokeStyle = colour("paper");
  context.fillStyle = colour(outcome);
  if (outcome === "waiting" || outcome === "lost") {
    context.strokeStyle = colour(outcome);
    context.lineWidth = 2.2;
    context.stroke(path);
    return;
  }
  context.fill(path);
  context.stroke(path);
}
// What whoever looks on has sent: a ring about it, in the colour of the text.
function ring(context, yours) {
  context.strokeStyle = colour("ink");
  context.lineWidth = 1.8;
  context.stroke(yours);
}
function shape(path, kind, x, y, r) {
  if (kind === "circle" || kind === "ring") {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 6.2832);
  } else if (kind === "square") path.rect(x - r + 0.5, y - r + 0.5, 2 * r - 1, 2 * r - 1);
  else if (kind === "diamond") {
    path.moveTo(x, y - r - 0.6);
    path.lineTo(x + r + 0.6, y);
    path.lineTo(x, y + r + 0.6);
    path.lineTo(x - r - 0.6, y);
    path.closePath();
  } else {
    path.moveTo(x - r, y - r);
    path.lineTo(x + r, y + r);
    path.moveTo(x - r, y + r);
    path.lineTo(x + r, y - r);
  }
}
// Requests that wait at one element stand in rows beneath it, so that a queue can be seen.
function crowds(view, waiting, paths, yours, words) {
  for (const [name, requests] of Object.entries(waiting)) {
    const place = view.places[view.alias[name] || name];
    if (!place) continue;
    const per = Math.max(3, Math.floor(place.w / 8)),
      top = place.box ? place.top + place.h - 6 : place.y + place.h / 2 + 6;
    const own = requests.filter((each) => each.you),
      shown = own.length ? [...own, ...requests.filter((each) => !each.you)] : requests;
    shown.slice(0, per * 4).forEach(({ outcome, you }, n) => {
      const x = place.x - place.w / 2 + 5 + (n % per) * 8,
        y = top + Math.floor(n / per) * 8;
      shape(paths[outcome], SHAPES[outcome], x, y, 3);
      if (!you) return;
      shape(yours, "circle", x, y, 6);
      words.push(["you", { x, y }, BELOW_RING]);
    });
  }
}
// Where a packet was lost.
function burst(context, view, fate) {
  const one = anchor(view, fate[0]);
  if (!one) return;
  const other = view.ends[fate[1]]
    ? anchor(
        view,
        view.ends[fate[1]].find((name) => name !== fate[0]),
      )
    : null;
  const x = other ? one.x + (other.x - one.x) * 0.32 : one.x,
    y = other ? one.y + (other.y - one.y) * 0.32 : one.y;
  context.strokeStyle = colour("lost");
  context.lineWidth = 3;
  context.beginPath();
  for (const sign of [1, -1]) {
    context.moveTo(x - 5, y - 5 * sign);
    context.lineTo(x + 5, y + 5 * sign);
  }
  context.stroke();
}
function tell(context, words) {
  context.textAlign = "center";
  const said = [];
  for (const [label, at, rise = ABOVE] of words) {
    if (said.some((other) => Math.abs(other.x - at.x) < 66 && Math.abs(other.y - at.y) < 13)) continue; // not two on one place
    said.push(at);
    writeOver(context, label, at.x, at.y - rise, "ink", "10px system-ui, sans-serif");
  }
}
// For those who want nothing to move: the ways of the last requests as lines that fade.
export function drawTrails(context, view, clock) {
  context.clearRect(0, 0, view.width, view.height);
  context.lineWidth = 3;
  let count = 0;
  for (const request of clock.requests) {
    const age = clock.at - request.at;
    if (age < 0 || age > 3000) continue;
    count++;
    context.globalAlpha = 0.15 + 0.5 * (1 - age / 3000);
    context.strokeStyle = colour(request.outcome);
    context.setLineDash(request.you ? [8, 5] : []);
    context.beginPath();
    for (const step of request.steps) {
      const one = anchor(view, step[0]),
        other = anchor(view, step[1]);
      if (one && other) {
        context.moveTo(one.x, one.y);
        context.lineTo(other.x, other.y);
      }
    }
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    for (const fate of request.lost.slice(-1)) burst(context, view, fate);
  }
  return count;
}
