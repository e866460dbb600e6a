// Puts it all together: the stream fills clock and state; a frame of animation draws the map.
import { asked, by, colour, el, hideTip, ms, OUTCOMES, podName, readColours, say, short, showTip } from "./dom.js";
import { Charts } from "./charts.js";
import { Clock } from "./clock.js";
import { allow, command, makeControls, refresh } from "./controls.js";
import { drawDots, drawTrails } from "./dots.js";
import { closeDrawer, openDrawer } from "./drawer.js";
import { follow as showRequest } from "./follow.js";
import { drawGround } from "./ground.js";
import { hit, layout } from "./layout.js";
import { Lists, mark, ringed, showElements } from "./lists.js";
import { showControl } from "./lane.js";
import { showBudget, showTargets, showWhy } from "./panels.js";
import { listen } from "./stream.js";
import { makeTime, showTime } from "./time.js";

export const clock = new Clock();
const charts = new Charts(),
  lists = new Lists(clock);
const EMPTY = {
  load: {},
  links: {},
  levels: {},
  targets: [],
  dns: {},
  bgp: {},
  replicas: {},
  faults: [],
  lag_ms: 0,
  algorithms: {},
};
let map = { elements: [], links: [] },
  state = EMPTY,
  view = null,
  picked = null,
  stale = true,
  dots = 0;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const ground = by("ground").getContext("2d"),
  moving = by("dots").getContext("2d");
export const timings = []; // of the last frames of animation, in ms
export const placeOf = (name) => view.places[view.alias[name] || name];
export const dotsNow = () => dots;

// ---- the map ---------------------------------------------------------------------------------------------------------

function resize() {
  const width = by("stage").clientWidth,
    height = by("stage").clientHeight,
    scale = Math.min(devicePixelRatio || 1, 2);
  for (const canvas of [by("ground"), by("dots")]) {
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
  }
  view = layout(map, width, height);
  view.ends = Object.fromEntries(map.links.map((link) => [link.name, link.ends]));
  stale = true;
}
function frame(wall) {
  requestAnimationFrame(frame);
  if (document.hidden || !view) return;
  const began = performance.now();
  clock.tick(wall);
  if (stale) {
    stale = false;
    drawGround(ground, view, map, state, picked);
  }
  dots = still.matches ? drawTrails(moving, view, clock) : drawDots(moving, view, clock);
  timings.push(performance.now() - began);
  if (timings.length > 600) timings.shift();
}
function words() {
  // the decision that was taken last at this moment, in slow motion
  let last = null;
  if (!clock.stretched)
    for (const [request, own] of clock.moving())
      for (const note of request.notes)
        if (note[0] <= own && (!last || request.at + note[0] > last[0])) last = [request.at + note[0], note];
  say(by("said"), last ? `${last[1][0].toFixed(3)} ms  ${last[1][1]}: ${last[1][2]}` : "");
  showTime(clock, state.lag_ms, dots);
}
setInterval(() => {
  if (!document.hidden) words();
}, 100);

function legend() {
  by("legend").replaceChildren(
    el("span", {}, el("b", {}, "1 dot = 1 packet of a recorded request"), ", or a request that waits there"),
    ...Object.entries(OUTCOMES).map(([outcome, told]) => el("span", {}, mark(outcome), told)),
    el("span", {}, ringed(), "in a ring: you, by ingress, proxy, shell or journey trace"),
    el("span", { id: "stretch" }),
    el("span", {}, "a line's width: packets a second"),
    el("span", { id: "sampled" }),
  );
}
function showLegend() {
  say(
    by("stretch"),
    clock.stretched
      ? "at 1/1 each is stretched so that it can be seen: pick a slower speed for true times"
      : "times are true, only slower",
  );
  const offered = state.load.offered || 0,
    recent = clock.requests.filter((each) => each.at > clock.now - 5000).length / 5;
  say(
    by("sampled"),
    offered > recent + 0.5 && recent
      ? `about 1 of ${Math.max(Math.round(offered / recent), 1)} requests is recorded`
      : "",
  );
}

// ---- what is new -------------------------------------------------------------------------------------------------------

function onFrame(news) {
  clock.heard(news.now);
  if (news.token) allow(news.token);
  if (news.map) {
    map = news.map;
    resize();
  }
  if (news.first) {
    by("events").replaceChildren(); // after a pause all that is remembered comes once more
    showScenario(news.plays);
  }
  if (news.events) lists.addEvents(news.events);
  if (news.requests) {
    clock.add(news.requests);
    lists.addRequests(news.requests, open);
  }
  if (news.state) {
    state = news.state;
    for (const link of map.links)
      link.fault = state.faults.some(
        (fault) => fault.links.includes(link.name) && /cut|down/.test(fault.what),
      );
    charts.add(news.now, state.load);
    showTargets(state.targets);
    showBudget(clock);
    showControl(map, state, openElement);
    if (by("elements").open) showElements(map, state, openElement);
    refresh(map, state);
    showLegend();
    idle();
    stale = true;
  }
  if (news.requests || news.state) showWhy(clock, state, (fault) => command({ do: "clear", fault }));
}
// Where a scenario plays, it alone decides what happens.
function showScenario(plays) {
  say(by("plays"), plays ? `· scenario ${plays}` : "");
  by("try").inert = by("begin").disabled = !!plays;
  by("only-look").hidden = !plays;
}
// While nobody sends anything the last request is shown, again and again.
function idle() {
  const nothing = !state.loads && !clock.requests.some((each) => each.at > clock.now - 2500);
  by("empty").hidden = !nothing || !!state.loads;
  const known = clock.requests.filter((each) => each.steps.length);
  if (nothing && clock.live && !clock.loop && !clock.paused && known.length) {
    clock.loop = known[known.length - 1];
    clock.looping = true;
    clock.at = clock.loop.at;
  }
  if (!nothing && clock.loop && clock.looping) clock.goLive();
  say(by("looping"), clock.loop && clock.looping ? "The last recorded request, once more." : "");
}
async function remembered() {
  // the request that `journey up` began with is drawn until there are others
  const found = await asked("/api/journeys");
  if (!found.length || clock.requests.length) return;
  const last = await asked(`/api/journey/${found[0].id}`);
  if (last.error || clock.requests.length) return;
  clock.add([last.moving]);
  lists.addRequests([last.moving], open);
}

// ---- looking closer ----------------------------------------------------------------------------------------------------

function pick(name) {
  picked = name;
  stale = true;
}
export function openElement(name) {
  openDrawer(name, pick);
}
function open(id) {
  location.hash = `journey=${id}`;
}
function replay(request) {
  clock.add([request]);
  clock.loop = request;
  clock.looping = false;
  clock.live = clock.paused = false;
  clock.at = request.at;
  clock.speed = Math.max(clock.speed, 7);
  by("map").scrollIntoView({ block: "start" });
}
function fromAddress() {
  const id = /journey=([0-9a-f]{32})/.exec(location.hash);
  if (id) showRequest(id[1], replay);
}
function told(place) {
  const { element } = place,
    levels = state.levels[element.name] || {},
    target = state.targets.find((each) => each.name === element.name);
  const lines = [`${element.name} (${element.kind}), ${element.state}`];
  for (const [name, value] of Object.entries(levels))
    lines.push(`${name.replaceAll("_", " ")}: ${short(value)}`);
  if (target)
    lines.push(
      `${target.state}, ${short(target.rate)} requests a second`,
      ...Object.entries(target.outstanding).map(([node, value]) => `${short(value)} outstanding at ${node}`),
    );
  return lines.join("\n");
}

// ---- begin -------------------------------------------------------------------------------------------------------------

const at = (event) => {
  const box = by("dots").getBoundingClientRect();
  return view && hit(view, event.clientX - box.left, event.clientY - box.top);
};
by("dots").addEventListener("pointermove", (event) => {
  const place = at(event);
  by("dots").style.cursor = place ? "pointer" : "default";
  if (place) showTip(event.clientX, event.clientY, told(place));
  else hideTip();
});
by("dots").addEventListener("pointerleave", hideTip);
by("dots").addEventListener("click", (event) => {
  const place = at(event);
  if (place) {
    hideTip();
    openElement(place.element.name);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !by("drawer").hidden) closeDrawer(pick);
});
by("elements").addEventListener("toggle", () => showElements(map, state, openElement));
by("begin").addEventListener("click", () => command({ do: "load", rate: 20 }));
document.querySelector(".skip").addEventListener("click", () => {
  by("elements").open = true;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  charts.remake();
  stale = true;
});
new ResizeObserver(() => {
  resize();
  charts.remake();
}).observe(by("stage"));
addEventListener("hashchange", fromAddress);
makeControls(open);
makeTime(clock, () => {
  showLegend();
  words();
});
legend();
listen({
  onFrame,
  onAway: (wait) => {
    by("away").hidden = false;
    say(
      by("away"),
      `The world does not answer. It is asked again in ${ms(wait)}; what is shown is what was known last.`,
    );
  },
  onBack: () => {
    by("away").hidden = true;
  },
});
remembered();
fromAddress();
requestAnimationFrame(frame);
