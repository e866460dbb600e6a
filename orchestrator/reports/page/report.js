// The page, from top to bottom.
const variants = Object.entries(run.variants);
const PERCENTILES = ["p50", "p90", "p99", "p99.9", "max"];
const MARKS = { pass: "✓ pass", fail: "✗ fail", invalid: "! invalid" };
const badge = (verdict) => el("span", { class: `badge ${verdict}` }, MARKS[verdict]);
// A variant that was to fail, and did, is as it should be; its mark says that it failed all the same.
const told = (variant) => variant.expected !== "fail" ? badge(variant.verdict)
  : variant.verdict === "pass" ? el("span", { class: "badge pass" }, "✓ fails, as expected")
  : [badge(variant.verdict), variant.outcome === "pass" && el("span", { class: "soft" }, " was expected to fail, and does not")];
const titled = (name) => name || "the run";

function table(head, rows) {
  return el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, head.map((title) => el("th", {}, title)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell)))))));
}
function top() {
  const clock = run.clock === "virtual" ? "on the virtual clock" : "in real time";
  return [el("div", {}, badge(run.verdict)), el("h1", {}, run.title),
    el("p", { class: "soft" }, `${run.scenario}, seed ${run.seed}, ${clock}; started ${run.wall.started}, took ${seconds(run.wall.took_s)}${run.interrupted ? "; broken off before its end" : ""}`),
    run.description && el("p", {}, run.description)];
}
// What the load balancer says of its errors: each cause once, with the nodes that met it.
function sentences(errors) {
  const causes = new Map();
  for (const error of errors) causes.set(error.sentence, [...(causes.get(error.sentence) || []), error]);
  return [...causes].map(([sentence, found]) =>
    el("li", {}, `${found[0].status} ${found[0].cause}: ${sentence} (${found.map((error) => `${error.node} ${many(error.count)}`).join(", ")})`));
}
function card([name, variant]) {
  const dropped = Object.values(variant.load.dropped || {}).reduce((sum, n) => sum + n, 0);
  const errors = Object.entries(variant.load.errors).map(([kind, n]) => `${many(n)} × ${kind}`).join(", ") || "no errors";
  return el("section", { class: "card" },
    el("h3", {}, `${titled(name)} `, told(variant)),
    variant.invalid.map((doubt) => el("p", { class: "doubt" }, doubt)),
    el("ul", {}, variant.thresholds.map((row) => el("li", {}, el("strong", { class: row.ok ? "pass" : "fail" }, row.ok ? "✓ " : "✗ "),
      `${row.metric}${Object.entries(row.where || {}).map(([key, value]) => ` ${key} ${value}`).join(",")}${row.during ? ` during ${row.during}` : ""}${row.after_s ? ` after ${row.after_s} s` : ""}: ${row.is}, was `, el("strong", {}, row.told)))),
    el("ul", {}, (variant.assertions || []).map((row) => el("li", {}, el("strong", { class: row.ok ? "pass" : "fail" }, row.ok ? "✓ " : "✗ "),
      `${row.assertion} ${row.claim}${row.within_s ? ` within ${row.within_s} s` : ""}: `, el("strong", {}, row.told)))),
    el("p", { class: "soft" }, `${many(variant.load.offered ?? variant.load.requests)} offered, ${many(variant.load.requests)} answered, ${many(dropped)} dropped; ${errors}`),
    Object.entries(variant.origins).map(([origin, errors]) => el("p", {}, `errors by the ${origin}: ${Object.entries(errors).map(([what, n]) => `${many(n)} × ${what}`).join(", ")}`)),
    el("ul", { class: "soft" }, sentences(variant.alb_errors)),
    variant.unsettled.length > 0 && el("p", { class: "soft" }, `not settled when it began: ${variant.unsettled.join(", ")}`));
}
// Latencies from when requests were sent are told only where they differ: where something had to wait to be sent.
const waited = (variant) => PERCENTILES.some((p) => variant.load.service_ms && variant.load.service_ms[p] < variant.load.latency_ms[p] * 0.98);
function compared() {
  const rows = variants.flatMap(([name, variant]) => [["due", "latency_ms"], ["sent", "service_ms"]]
    .filter(([since, key]) => variant.load[key] && Object.keys(variant.load[key]).length && (since === "due" || waited(variant)))
    .map(([since, key]) => [waited(variant) ? `${titled(name)}, from when ${since}` : titled(name), ...PERCENTILES.map((p) => milliseconds(variant.load[key][p]))]));
  return table(["latency", ...PERCENTILES], rows);
}
function overlaid() {
  return nines(variants.flatMap(([name, variant], n) => [
    { name: waited(variant) ? `${titled(name)}, from when due` : titled(name), points: variant.percentiles.due, colour: COLOURS[n % 8] },
    { name: `${titled(name)}, from when sent`, points: waited(variant) ? variant.percentiles.sent : [], colour: COLOURS[n % 8], dash: "5 4" },
  ].filter((curve) => curve.points.length)));
}
function podNames(variant) {
  const names = Object.fromEntries(variant.pods.filter((pod) => pod.as).map((pod) => [pod.pod, pod.as]));
  return (name) => names[name] || name;
}
function loadCharts(variant, range) {
  const { series, events } = variant, x = series.t_s, wait = series.latency_ms;
  const span = Math.max(...wait.max.filter(Boolean), 1) / Math.max(Math.min(...wait.p50.filter(Boolean)), 1e-3);
  const width = (i) => x[i] - (i ? x[i - 1] : 0);
  const rate = (values) => values.map((n, i) => (width(i) < 0.5 ? null : n / width(i))); // the rest of a second is no rate
  const line = (name, values, colour, more) => ({ name, values, colour, ...more });
  const failed = Object.entries(series.failed).map(([kind, values], n) => line(kind, rate(values), COLOURS[[1, 3, 4, 6, 7, 5, 0, 2][n % 8]], { stacked: true }));
  return [
    timeChart(range, "Latency over time", x, [
      line("p50", wait.p50, COLOURS[0]), line("p90", wait.p90, COLOURS[2]), line("p99", wait.p99, COLOURS[4]), line("max", wait.max, COLOURS[1]),
      line("p99 from when sent", series.service_p99_ms, COLOURS[7], { dash: "4 4" }),
    ], { unit: milliseconds, log: span > 30, events, note: "by second, from when requests were due; where p99 from when sent is lower, requests had to wait to be sent" }),
    timeChart(range, "Offered, completed, dropped", x, [
      line("offered", rate(series.offered), COLOURS[7], { dash: "4 3" }), line("sent", rate(series.sent), COLOURS[5]), line("completed", rate(series.completed), COLOURS[0]), line("dropped", rate(series.dropped), COLOURS[1]),
    ], { unit: (n) => `${short(n)}/s`, events, note: "requests a second" }),
    timeChart(range, "Requests under way", x, [line("in flight", series.inflight, COLOURS[3])], { unit: short, events, whole: !failed.length, note: "at the end of each second" }),
    failed.length > 0 && timeChart(range, "Errors", x, failed, { unit: (n) => `${short(n)}/s`, events, note: "a second, by kind" }),
  ];
}
function targetCharts(variant, range) {
  const { series, events } = variant, x = series.t_s, pods = podNames(variant);
  const widths = x.map((value, i) => value - (i ? x[i - 1] : 0));
  const rates = Object.fromEntries(Object.entries(series.requests).filter(([name]) => name !== "-").map(([name, values]) => [name, values.map((n, i) => n / widths[i])]));
  const most = Math.max(1, ...Object.values(series.outstanding).map(largest));
  return [
    heat(range, "Answers a second, by pod", x, rates, pods, events, `the darkest is ${short(largest(rates))}/s`, largest(rates)),
    Object.entries(series.outstanding).map(([node, columns]) =>
      heat(range, `Outstanding requests at ${node}`, x, columns, pods, events, `as this node alone counts them, the mean of each second; the darkest is ${short(most)} at any node`, most)),
    stateStrips(range, "Target states", x, series.target_states, pods, events, "the worst that any load balancer node says"),
    stateStrips(range, "Pod states", x, series.pod_states, pods, events, "as the cluster shows them"),
  ];
}
function podTable(variant) {
  const most = Math.max(1e-9, ...variant.pods.map((pod) => pod.share));
  return table(["pod", "modes", "share", "requests", "p50", "p99", "outstanding", "most", ...variant.nodes], variant.pods.map((pod) => [
    pod.as ? `${pod.as} (${pod.pod})` : pod.pod, Object.entries(pod.modes).map(([key, value]) => `${key}=${value}`).join(" "),
    [el("span", { class: "share", style: `width:${(pod.share / most) * 70}px` }), share(pod.share)], many(pod.requests),
    milliseconds(pod.latency_ms.p50), milliseconds(pod.latency_ms.p99), pod.outstanding.mean.toFixed(2), many(pod.outstanding.max),
    ...variant.nodes.map((node) => (pod.per_node[node] ? `${pod.per_node[node].mean.toFixed(2)} (${pod.per_node[node].max})` : "–")),
  ]));
}
// Of each laptop, where there are several: a table, and the curves of those with the highest p99, as many as there are colours.
function clientFigures(variant) {
  const clients = Object.entries(variant.load.clients);
  if (!clients.length) return null;
  const sum = (counts) => Object.values(counts || {}).reduce((all, n) => all + n, 0);
  const most = Math.max(1, ...clients.map(([, client]) => client.requests));
  const slowest = [...clients].sort(([, one], [, other]) => (other.latency_ms.p99 || 0) - (one.latency_ms.p99 || 0)).slice(0, COLOURS.length);
  const drawn = clients.filter((client) => slowest.includes(client));
  const title = drawn.length < clients.length ? `Latency by percentile, of the ${drawn.length} clients with the highest p99` : "Latency by percentile, by client";
  return [el("h2", {}, "Clients"),
    table(["client", "answered", "offered", "dropped", "failed", ...PERCENTILES, "killed"], clients.map(([name, client]) => [
      name, [el("span", { class: "share", style: `width:${(client.requests / most) * 70}px` }), many(client.requests)],
      client.offered === undefined ? "–" : many(client.offered), many(sum(client.dropped)), many(sum(client.errors)),
      ...PERCENTILES.map((p) => milliseconds(client.latency_ms[p])), many(client.lost_clients),
    ])),
    el("div", { class: "plots" }, nines(drawn.map(([name, client], n) => ({ name, points: client.points, colour: COLOURS[n] })), title))];
}
// As the load balancer's nodes remember them: with what happened before it was sent on (pale), and while the target had it.
function failedRequests(variant) {
  const failures = variant.failures || [], most = Math.max(1e-9, ...failures.map((each) => each.total_ms));
  const all = variant.alb_errors.reduce((sum, each) => sum + each.count, 0);
  const bar = (ms, style) => el("span", { class: "share", style: `width:${(ms / most) * 90}px;${style}` });
  return failures.length > 0 && [el("h2", {}, "Requests that failed"),
    el("p", { class: "soft" }, `${many(failures.length)} of ${many(all)} that the load balancer's nodes remember, the first of each kind, whether they were recorded hop by hop or not`),
    table(["at", "node", "request", "status", "why", "target", "took"], failures.map((each) => [
      seconds(each.at_s), each.node, each.request, String(each.status), [el("strong", {}, each.cause), ` ${each.sentence || ""}`], each.target || "–",
      [bar(each.request_ms ?? each.total_ms, "opacity:.35"), bar(each.request_ms === null ? 0 : each.total_ms - each.request_ms, ""), milliseconds(each.total_ms)]]))];
}
function eventList(variant) {
  return [variant.events.length > 0 && el("ol", { class: "events" }, variant.events.map((event) => el("li", {}, `${seconds(event.at_s)}: ${event.what}`))),
    (variant.convergence || []).length > 0 && el("ul", { class: "events" }, variant.convergence.map((each) => el("li", {}, each.told))),
    variant.world_events.length > 0 && el("details", {}, el("summary", {}, `${many(variant.world_events.length)} things that happened in the world`),
      el("ul", {}, variant.world_events.map((event) => el("li", {}, el("span", { class: "soft" }, `${event.at_s.toFixed(3)} s ${event.element} `), event.told))))];
}
function section([name, variant], n) {
  const until = variant.series.t_s[variant.series.t_s.length - 1] || 1;
  const range = new Range(until), pods = podNames(variant);
  const plots = el("div", { class: "plots" }, loadCharts(variant, range), targetCharts(variant, range));
  return el("div", { class: "variant", hidden: n > 0, "data-variant": name },
    variants.length > 1 && el("h2", {}, `Variant ${titled(name)}`), eventList(variant),
    el("p", { class: "soft screen" }, "Drag over a chart to zoom into all of them, double click to see everything again; click on a name to hide its line."),
    plots, el("h2", {}, "Pods"), podTable(variant), clientFigures(variant), failedRequests(variant),
    variant.slowest.length > 0 && [el("h2", {}, "The slowest recorded requests"), el("p", { class: "soft" }, `of ${many(variant.journeys.recorded)} that were recorded hop by hop, and one of each way to fail; model time`), waterfalls(variant, pods), sequences(variant)]);
}
function choice(sections) {
  if (sections.length < 2) return null;
  const buttons = sections.map((each, n) => el("button", { type: "button", "aria-pressed": String(n === 0), onclick: () => {
    sections.forEach((other, m) => { other.hidden = m !== n; buttons[m].setAttribute("aria-pressed", String(m === n)); });
  } }, titled(variants[n][0])));
  return el("nav", { "aria-label": "variants" }, buttons);
}
function foot() {
  const environment = run.environment, versions = Object.entries(environment.versions || {}).map(([name, version]) => `${name} ${version}`).join(", ");
  return [el("h2", {}, "Measured on"), el("p", { class: "soft" }, `${environment.system}, ${environment.usable_cores} of ${environment.cores} cores, Python ${environment.python}, ${versions}`),
    el("p", { class: "soft" }, "Latencies are model time. How late the generator was: ", variants.map(([name, variant]) => `${titled(name)} p99 ${milliseconds((variant.load.dispatch_lag_ms || {}).p99)}`).join("; "), ".")];
}
const sections = variants.map(section);
put(document.getElementById("report"), {}, [top(), el("div", { class: "cards" }, variants.map(card)), compared(),
  el("div", { class: "plots" }, overlaid(), budgetFigure(variants)), choice(sections), sections, foot()]);
for (const event of ["beforeprint", "afterprint"])
  addEventListener(event, () => { for (const each of document.querySelectorAll("details")) {
    if (event === "beforeprint") { each.dataset.open = each.open; each.open = each.dataset.print !== undefined || each.open; } else each.open = each.dataset.open === "true";
  } });
