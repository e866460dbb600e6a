// Things to try. Each button does what a command does, and shows that command.
import { AWAY, by, el, meta, podName, say } from "./dom.js";

const SCALE = meta("scale"); // the command, where only a shell can: each pod is a container there
const ALGORITHMS = {
  round_robin: "round robin",
  least_outstanding_requests: "least outstanding",
  weighted_random: "weighted random",
};

// What commands carry: every stream begins with it, for a world that was built anew has another one.
let token = "";
export const allow = (told) => {
  token = told;
};

export async function command(what) {
  const done = by("done");
  done.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch("/api/do", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Journey-Token": token },
      body: JSON.stringify(what),
    });
    const told = await answer.json();
    done.replaceChildren(
      told.error ? el("p", { class: "wrong", role: "alert" }, told.error) : el("p", {}, told.told),
      shown("in a shell", told.command),
      shown("to take it back", told.undo),
    );
    return told;
  } catch (error) {
    done.replaceChildren(el("p", { class: "wrong", role: "alert" }, AWAY));
    return { error: String(error) };
  } finally {
    done.removeAttribute("aria-busy");
  }
}
function shown(title, words) {
  if (!words) return "";
  return el(
    "p",
    {},
    el("span", { class: "soft" }, `${title}: `),
    el("code", {}, words),
    " ",
    el(
      "button",
      { type: "button", class: "plain", onclick: () => navigator.clipboard?.writeText(words) },
      "copy",
    ),
  );
}
const button = (words, what, more) =>
  el(
    "button",
    { type: "button", onclick: (event) => command(typeof what === "function" ? what(event) : what), ...more },
    words,
  );
const tool = (title, ...parts) =>
  el("div", { class: "tool", role: "group", "aria-label": title }, el("span", {}, title), parts);

export function makeControls(follow) {
  const rate = el("input", {
    type: "number",
    id: "rate",
    min: 1,
    max: 5000,
    value: 20,
    step: "any",
    "aria-label": "requests a second",
  });
  const pods = el("input", { type: "number", id: "pods", min: 0, max: 200, value: 3, "aria-label": "pods" });
  const deployment = () => by("try").dataset.deployment || "nginx";
  const elsewhere = SCALE ? { disabled: true, "aria-describedby": "scale-elsewhere" } : {};
  const send = () => ({ do: "load", rate: Number(rate.value) });
  const scale = () => ({ do: "scale", deployment: deployment(), replicas: Number(pods.value) });
  const step = (by_) => () => {
    pods.value = Math.max(0, Number(pods.value) + by_);
    return scale();
  };
  rate.addEventListener("keydown", (event) => {
    if (event.key === "Enter") command(send());
  });
  pods.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !SCALE) command(scale());
  });
  pods.addEventListener("input", showScale);
  by("try").replaceChildren(
    tool(
      "Load",
      rate,
      "requests/s",
      button("Send", send, { id: "send" }),
      button("Stop", { do: "load_stop" }),
      el(
        "button",
        {
          type: "button",
          id: "one",
          onclick: async () => {
            const told = await command({ do: "trace" });
            if (told.journey) follow(told.journey);
          },
        },
        "One request, told",
      ),
    ),
    tool(
      "Pods",
      button("−", step(-1), { "aria-label": "one pod less", ...elsewhere }),
      pods,
      button("+", step(1), { "aria-label": "one pod more", ...elsewhere }),
      button("Scale", scale, elsewhere),
      button("Roll out", () => ({ do: "rollout", deployment: deployment() })),
      SCALE &&
        el(
          "p",
          { id: "scale-elsewhere" },
          "each pod is a container here; in a shell: ",
          el("code", { class: "command" }),
        ),
    ),
    tool(
      "Algorithm",
      Object.entries(ALGORITHMS).map(([name, words]) =>
        button(words, { do: "algorithm", name }, { "data-algorithm": name, "aria-pressed": "false" }),
      ),
    ),
    tool(
      "Slow pod",
      el("select", { id: "slow", "aria-label": "pod" }),
      button("200 ms late", () => ({ do: "slow", pod: by("slow").value, latency: "200ms" })),
      button("As usual", () => ({ do: "slow", pod: by("slow").value, latency: "off" })),
    ),
    tool(
      "Link",
      el("select", { id: "link", "aria-label": "link" }),
      button("Cut", () => ({ do: "cut", link: by("link").value }), {
        id: "cut",
        title: "packets vanish, and nobody is told",
      }),
      button("Unplug", () => ({ do: "cut", link: by("link").value, how: "down" }), {
        title: "both ends see that the carrier is gone",
      }),
      button("End all faults", { do: "clear" }),
    ),
    el(
      "div",
      { id: "done", role: "status", "aria-live": "polite" },
      el("p", { class: "soft" }, "Each of these shows the command that does the same."),
    ),
  );
}

// The command for as many pods as are typed, where a shell has to give it.
function showScale() {
  if (SCALE) say(by("scale-elsewhere").lastChild, SCALE.replace("{}", by("pods").value || "0"));
}

// What there is to choose from now.
export function refresh(map, state) {
  choices(
    by("slow"),
    map.elements.filter((each) => each.kind === "nginx_pod").map((each) => each.name),
    podName,
  );
  const own = map.links.filter((link) => link.delay_us !== null).map((link) => link.name);
  choices(by("link"), own, (name) => name, "isp-transit-1");
  const [deployment, replicas] = Object.entries(state.replicas)[0] || [];
  if (deployment) by("try").dataset.deployment = deployment.split("/").pop();
  if (
    replicas &&
    document.activeElement !== by("pods") &&
    replicas.desired !== undefined &&
    by("pods").dataset.seen !== String(replicas.desired)
  ) {
    by("pods").dataset.seen = replicas.desired;
    by("pods").value = replicas.desired;
  }
  showScale();
  const used = new Set(Object.values(state.algorithms || {}));
  for (const each of document.querySelectorAll("[data-algorithm]"))
    each.setAttribute("aria-pressed", String(used.has(each.dataset.algorithm)));
}
function choices(select, names, told, first) {
  const key = names.join();
  if (select.dataset.key === key) return;
  const before = select.value || (names.includes(first) ? first : names[0]);
  select.dataset.key = key;
  select.replaceChildren(...names.map((name) => el("option", { value: name }, told(name))));
  if (names.includes(before)) select.value = before;
}
