// Where everything is drawn. The tiers are fixed, from the laptop on the left to the pods on the right (on a narrow screen
// from top to bottom): who looks knows the order, and nothing jumps about when a pod comes or goes.
const ALONG = {
  client: 0.045,
  home: 0.14,
  isp: 0.25,
  transit: 0.375,
  edge: 0.495,
  vpc: 0.585,
  alb: 0.69,
  node: 0.875,
};
const TITLES = {
  client: "Laptop",
  home: "Home",
  isp: "ISP",
  transit: "Transit",
  edge: "AWS edge",
  vpc: "VPC",
  alb: "Load balancer",
  node: "Nodes and pods",
};
const DNS_UNDER = 0.86;
// On a narrow screen name servers stand where the way leaves room, left and right of it.
const BESIDE = [
  [0.25, 0.12],
  [0.25, 0.88],
  [0.515, 0.12],
  [0.515, 0.88],
  [0.14, 0.12],
  [0.14, 0.88],
];
export const MOST_PODS = 24,
  MOST_CLIENTS = 8;

const columnOf = (element) => {
  if (element.kind === "vpc") return "vpc";
  if (element.kind === "aws_edge") return "edge";
  if (element.kind === "dns_server") return "dns";
  if (element.node || element.kind === "eks_node") return "node";
  return element.tier in ALONG ? element.tier : null;
};

// Places by name: {x, y, w, h, kind...}; `titles` of columns; `folded`: elements that stand for others.
export function layout(map, width, height) {
  const narrow = width < 640;
  const place = (along, across) =>
    narrow ? { x: across * width, y: along * height } : { x: along * width, y: across * height };
  const columns = {};
  for (const element of map.elements) {
    const column = columnOf(element);
    if (column && !element.node) (columns[column] = columns[column] || []).push(element);
  }
  const places = {},
    titles = [],
    alias = {};
  for (const [column, along] of Object.entries(ALONG)) {
    const members = columns[column] || [];
    if (!members.length) continue;
    const top = narrow ? place(along - 0.035, 0.02) : place(along, 0.035);
    if (!narrow) titles.push({ words: TITLES[column], ...top });
    if (column !== "node") spread(column, order(column, members), along, place, places, alias, narrow, width);
  }
  nodes(map, columns.node || [], width, height, narrow, places, alias);
  dns(columns.dns || [], places, place, narrow);
  return { places, titles, alias, narrow, width, height };
}

// An AS that others hang on goes to the middle of its column.
function order(column, members) {
  if (column !== "isp" && column !== "transit") return members;
  return [...members].sort((one, other) => (one.name < other.name ? -1 : 1));
}
function spread(column, members, along, place, places, alias, narrow, width) {
  const shown = members.slice(0, MOST_CLIENTS);
  for (const rest of members.slice(MOST_CLIENTS)) alias[rest.name] = shown[MOST_CLIENTS - 1].name;
  const from = narrow ? 0.125 : 0.16,
    to = narrow ? 0.875 : 0.7;
  shown.forEach((element, n) => {
    const across = shown.length === 1 ? (narrow ? 0.5 : 0.43) : from + (to - from) * (n / (shown.length - 1));
    const room = narrow && shown.length > 1 ? (width * (to - from)) / (shown.length - 1) - 4 : Infinity;
    places[element.name] = {
      ...place(along, across),
      w: Math.min(room, Math.max(column === "alb" ? 88 : narrow ? 70 : 78, element.name.length * 6.5 + 12)),
      h: narrow ? 28 : 36,
      element,
    };
  });
}
function dns(members, places, place, narrow) {
  // resolvers belong to an ISP, the others stand at a transit: below them, in the control plane's lane
  members.forEach((element, n) => {
    const at = narrow ? place(...BESIDE[n % BESIDE.length]) : place(0.2 + n * 0.082, DNS_UNDER);
    places[element.name] = { ...at, w: narrow ? 70 : 76, h: narrow ? 22 : 28, element, small: true };
  });
}
function nodes(map, members, width, height, narrow, places, alias) {
  if (!members.length) return;
  const pods = {};
  for (const each of map.elements) if (each.node) (pods[each.node] = pods[each.node] || []).push(each);
  const total = Object.values(pods).reduce((sum, each) => sum + each.length, 0);
  const gap = 10;
  const box = narrow
    ? {
        x: 8,
        y: height * 0.795,
        w: (width - 16 - gap * (members.length - 1)) / members.length,
        h: height * 0.195,
      }
    : {
        x: width * 0.775,
        y: height * 0.085,
        w: width * 0.215,
        h: (height * 0.865 - gap * (members.length - 1)) / members.length,
      };
  members.forEach((element, n) => {
    const x = narrow ? box.x + n * (box.w + gap) : box.x,
      y = narrow ? box.y : box.y + n * (box.h + gap);
    places[element.name] = {
      x: x + box.w / 2,
      y: y + box.h / 2,
      left: x,
      top: y,
      w: box.w,
      h: box.h,
      element,
      box: true,
      entry: narrow ? { x: x + box.w / 2, y } : { x, y: y + box.h / 2 },
    };
    const own = pods[element.name] || [];
    const folded = total > MOST_PODS;
    const [cw, ch, per] = cells(own.length, box.w - 12, box.h - 30, folded, narrow);
    const rows = Math.max(1, Math.floor((box.h - 24) / ch));
    own.forEach((pod, k) => {
      if (k >= per * rows) {
        alias[pod.name] = own[per * rows - 1].name;
        return;
      }
      places[pod.name] = {
        x: x + 6 + (k % per) * cw + cw / 2,
        y: y + 22 + Math.floor(k / per) * ch + (ch - 4) / 2,
        w: cw - 5,
        h: ch - (folded ? 3 : 14),
        element: pod,
        pod: true,
        folded,
      };
    });
  });
}

// Few pods are drawn large, with room beneath each for requests that wait there; many as cells.
function cells(count, width, height, folded, narrow) {
  if (folded) return [22, 15, Math.max(1, Math.floor(width / 22))];
  const per = Math.max(1, Math.min(count, Math.floor(width / (narrow ? 54 : 78)))),
    rows = Math.ceil(count / per);
  return [Math.min(width / per, 132), Math.max(26, Math.min(height / rows, 76)), per];
}

// Where on the map a packet is between two elements; `share` of its way.
// From edge to edge, so that nobody's name is covered.
export function between(view, from, to, share) {
  const one = anchor(view, from),
    other = anchor(view, to);
  if (!one || !other) return null;
  const dx = other.x - one.x,
    dy = other.y - one.y,
    begin = edge(one, dx, dy),
    end = 1 - edge(other, dx, dy);
  const along = begin < end ? begin + (end - begin) * share : share;
  return { x: one.x + dx * along, y: one.y + dy * along };
}
// Which part of the way from a place's middle is still inside of it.
function edge(place, dx, dy) {
  if (!place.w) return 0;
  return Math.min(place.w / 2 / Math.abs(dx || 1e-9), place.h / 2 / Math.abs(dy || 1e-9), 0.49);
}
export function anchor(view, name) {
  const place = view.places[view.alias[name] || name];
  return place && (place.entry || place);
}
export function hit(view, x, y) {
  let found = null;
  for (const place of Object.values(view.places)) {
    const inside = Math.abs(x - place.x) <= place.w / 2 + 3 && Math.abs(y - place.y) <= place.h / 2 + 3;
    if (inside && (!found || place.w * place.h < found.w * found.h)) found = place;
  }
  return found;
}
