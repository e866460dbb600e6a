// What the numbers say: targets, where the time goes, and why requests fail.
import { by, el, ms, podName, say, short, TIER_COLOURS, tipped } from "./dom.js";

const SPAN_MS = 10000,
  MOST_BARS = 16;

export function showTargets(targets) {
  const holder = by("targets");
  const healthy = (each) => (each.state === "healthy" ? 0 : 1);
  targets = [...targets].sort(
    (one, other) => healthy(one) - healthy(other) || (one.name < other.name ? -1 : 1),
  );
  const most = Math.max(4, ...targets.map((each) => total(each)));
  if (!targets.length) {
    holder.replaceChildren(el("p", { class: "soft" }, "This world has no load balancer, or no targets yet."));
    return;
  }
  holder.replaceChildren(
    ...targets.slice(0, MOST_BARS).map((each) => {
      const nodes = Object.entries(each.outstanding);
      return el(
        "div",
        {
          class: "bar",
          "data-target": each.name,
          ...tipped(
            [
              `${each.name}: ${each.state}`,
              ...nodes.map(([node, open]) => `${node} counts ${short(open)} outstanding`),
              `${short(each.rate)} requests a second`,
            ].join("\n"),
          ),
        },
        el("span", { class: "mono" }, podName(each.name)),
        el(
          "span",
          { class: "way" },
          nodes.map(([, open], n) =>
            el("i", {
              css: { width: `${(open / most) * 100}%`, background: n ? "var(--internet)" : "var(--alb)" },
            }),
          ),
        ),
        el(
          "span",
          {},
          each.state === "healthy"
            ? `${short(total(each))} · ${short(each.rate)}/s`
            : el("span", { class: `state ${each.state}` }, each.state),
        ),
      );
    }),
    targets.length > MOST_BARS
      ? el(
          "p",
          { class: "soft" },
          `and ${targets.length - MOST_BARS} more: ${counted(targets.slice(MOST_BARS))}`,
        )
      : "",
    el(
      "p",
      { class: "legend" },
      Object.keys(targets[0].outstanding).map((node, n) =>
        el(
          "span",
          {},
          el("i", { css: { background: n ? "var(--internet)" : "var(--alb)" } }),
          `as ${node} counts`,
        ),
      ),
    ),
  );
}
export const counted = (targets) =>
  [...new Set(targets.map((each) => each.state))]
    .map((state) => `${targets.filter((each) => each.state === state).length} ${state}`)
    .join(", ");
const total = (target) => Object.values(target.outstanding).reduce((sum, each) => sum + each, 0);

// The mean of the recorded requests that were answered in the last ten seconds.
export function showBudget(clock) {
  const recent = clock.requests.filter((each) => each.tiers.length && each.at > clock.now - SPAN_MS - 2000);
  const sums = new Map();
  for (const request of recent)
    for (const [tier, value] of request.tiers) sums.set(tier, (sums.get(tier) || 0) + value);
  const shown = Object.keys(TIER_COLOURS)
    .filter((tier) => sums.has(tier))
    .map((tier) => [tier, sums.get(tier) / recent.length]);
  const whole = shown.reduce((sum, [, value]) => sum + value, 0);
  say(by("budget-of"), recent.length ? `mean of ${recent.length} recorded, ${ms(whole)} in all` : "");
  if (!recent.length) {
    by("budget").replaceChildren(
      el("p", { class: "soft" }, "No request was recorded in the last ten seconds."),
    );
    return;
  }
  by("budget").replaceChildren(
    el(
      "div",
      { class: "bar", css: { "grid-template-columns": "1fr" } },
      el(
        "span",
        { class: "way", css: { height: "18px" } },
        shown.map(([tier, value]) =>
          el("i", {
            css: { width: `${(value / whole) * 100}%`, background: `var(--${TIER_COLOURS[tier]})` },
            ...tipped(`${tier}: ${ms(value)}`),
          }),
        ),
      ),
    ),
    ...shown.map(([tier, value]) =>
      el(
        "div",
        { class: "bar", css: { "grid-template-columns": "12px 1fr auto" } },
        el("i", {
          css: {
            width: "12px",
            height: "12px",
            background: `var(--${TIER_COLOURS[tier]})`,
            "border-radius": "2px",
          },
        }),
        el("span", {}, tier),
        el("span", {}, ms(value)),
      ),
    ),
  );
}

// One line for each cause among the requests of the last ten seconds, and for each fault that somebody has added.
export function showWhy(clock, state, clear) {
  const { faults } = state;
  const causes = new Map();
  for (const request of clock.requests) {
    if (
      request.outcome === "ok" ||
      request.outcome === "waiting" ||
      request.at + request.ms < clock.now - SPAN_MS
    )
      continue;
    const known = causes.get(request.why) || { count: 0, id: request.id };
    causes.set(request.why, { count: known.count + 1, id: request.id });
  }
  const stuck = waiting(state);
  const holder = by("why"),
    key = JSON.stringify([
      stuck,
      [...causes],
      faults.map((fault) => [fault.id, Math.round(fault.remaining_s)]),
    ]);
  holder.hidden = !causes.size && !faults.length && !stuck;
  if (holder.dataset.key === key) return;
  holder.dataset.key = key;
  holder.replaceChildren(
    stuck ? el("p", {}, el("strong", {}, stuck[0]), el("span", {}, stuck[1])) : "",
    ...[...causes]
      .sort((one, other) => other[1].count - one[1].count)
      .slice(0, 4)
      .map(([why, { count, id }]) =>
        el(
          "p",
          {},
          el("strong", {}, `${count} recorded request${count === 1 ? "" : "s"} failed`),
          el("span", {}, why),
          el("a", { href: `#journey=${id}` }, "follow the last"),
        ),
      ),
    ...faults.map((fault) =>
      el(
        "p",
        {},
        el("strong", {}, fault.target),
        el(
          "span",
          {},
          `${fault.what}${fault.remaining_s === null ? "" : `, for ${Math.round(fault.remaining_s)} s more`}`,
        ),
        el("button", { type: "button", onclick: () => clear(fault.id) }, "End this fault"),
      ),
    ),
  );
}

// Requests that get no answer tell nothing yet; what their laptops and the links count does.
function waiting(state) {
  const { offered, completed } = state.load,
    open = Object.values(state.levels).reduce(
      (sum, each) => sum + (each.planned_rate ? each.inflight || 0 : 0),
      0,
    );
  if (!offered || completed > offered / 2 || open < 5) return null;
  const lost = Object.entries(state.links)
    .filter(([, each]) => each.dropped)
    .map(([name, each]) =>
      Object.entries(each.dropped).map(
        ([why, rate]) => `${name} loses ${short(rate)} packets a second (${why})`,
      ),
    )
    .flat();
  return [`${short(open)} requests wait for an answer`, lost.join("; ")];
}
