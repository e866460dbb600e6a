// The control plane: name servers, BGP, the cluster and its controllers, each in a line. They are on no request's way,
// and decide where all of them go.
import { by, el, refill, short } from "./dom.js";
import { counted } from "./panels.js";

const CONTROLLERS = {
  kube_api: "API server",
  kube_controller_manager: "controllers",
  alb_controller: "LB controller",
  aws_api: "AWS APIs",
  cni_agent: "VPC CNI",
};

export function showControl(map, state, open) {
  const button = (name) =>
    el("button", { type: "button", class: "plain", "data-element": name, onclick: () => open(name) }, name);
  const rows = [
    ...nameServers(map, state, button),
    ...sessions(state),
    ...Object.entries(state.replicas).map(deployment),
    ...of(map, "kube_scheduler").map(({ name }) => scheduler(name, state.levels[name], button)),
    ...Object.keys(CONTROLLERS).flatMap((kind) => controllers(kind, of(map, kind), button)),
    ...(state.targets.length ? [["targets", "of the ALB", counted(state.targets)]] : []),
  ];
  const line = (row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell)));
  refill(by("control"), el("div", { class: "scroll" }, el("table", {}, el("tbody", {}, rows.map(line)))));
}
const of = (map, kind) => map.elements.filter((each) => each.kind === kind);

function nameServers(map, state, button) {
  const asked = map.elements.filter((each) => state.dns[each.name] || each.kind === "dns_server");
  return asked.map(({ name }) => {
    const dns = state.dns[name];
    if (!dns) return [button(name), "DNS", "no queries"];
    const looked = dns.hits + dns.misses;
    const cached = looked ? `, ${Math.round((100 * dns.hits) / looked)} % from its cache` : "";
    return [button(name), "DNS", `${short(dns.queries)} queries/s${cached}`];
  });
}
function sessions(state) {
  const told = Object.entries(state.bgp);
  if (!told.length) return [];
  const down = told.flatMap(([name, each]) => each.down.map((peer) => `${name}–AS${peer}`));
  const up = told.reduce((sum, [, each]) => sum + each.up, 0);
  const broken = down.length ? el("span", { class: "state down" }, `down: ${down.join(", ")}`) : "";
  return [["BGP", "sessions", el("span", {}, `${up} ends established `, broken)]];
}
function deployment([name, each]) {
  const leaving = each.terminating ? `, ${each.terminating} terminating` : "";
  return [name, "deployment", `${each.ready ?? 0} of ${each.desired ?? 0} pods ready${leaving}`];
}
const scheduler = (name, levels, button) => [
  button(name),
  "scheduler",
  `${(levels || {}).pending_pods || 0} pods pending`,
];
function controllers(kind, members, button) {
  if (!members.length) return [];
  const away = members.filter((each) => each.state !== "up").map((each) => `${each.name} is ${each.state}`);
  const names = members.map((each, n) => [n ? ", " : "", button(each.name)]);
  return [
    [names, CONTROLLERS[kind], away.length ? el("span", { class: "state down" }, away.join(", ")) : "up"],
  ];
}
