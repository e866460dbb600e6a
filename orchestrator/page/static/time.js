// The bar at the top: pause, slow motion, and the last two minutes once more.
import { by, many, ms, say } from "./dom.js";
import { RING_MS, SPEEDS } from "./clock.js";

export function makeTime(clock, redraw) {
  const speed = by("speed"),
    scrub = by("scrub");
  by("pause").addEventListener("click", () => {
    clock.paused = !clock.paused;
    if (clock.paused) clock.live = false;
    redraw();
  });
  by("live").addEventListener("click", () => {
    clock.goLive();
    redraw();
  });
  speed.addEventListener("input", () => {
    clock.slowDown(Number(speed.value));
    redraw();
  });
  scrub.addEventListener("input", () => {
    if (Number(scrub.value) === 0) clock.goLive();
    else clock.goTo(clock.now + Number(scrub.value) * 1000);
    redraw();
  });
  document.addEventListener("keydown", (event) => {
    if (
      event.target.closest("input, select, textarea, button, summary, a, ol") ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey
    )
      return;
    if (event.key === " ") {
      event.preventDefault();
      by("pause").click();
    } else if (event.key === "l") by("live").click();
    else if (event.key === "-" || event.key === "+") {
      clock.slowDown(Math.max(0, Math.min(SPEEDS.length - 1, clock.speed + (event.key === "-" ? 1 : -1))));
      redraw();
    }
  });
}
export function showTime(clock, lag, dots) {
  const behind = Math.max(0, clock.now - clock.at);
  by("pause").setAttribute("aria-pressed", String(clock.paused));
  by("live").setAttribute("aria-pressed", String(clock.live));
  by("speed").value = clock.speed;
  say(by("speed-told"), `1/${clock.loop ? Math.max(clock.slow, 100) : clock.slow}`);
  by("speed").setAttribute("aria-valuetext", `1/${clock.slow}`);
  if (document.activeElement !== by("scrub"))
    by("scrub").value = clock.live || clock.loop ? 0 : -Math.min(behind, RING_MS) / 1000;
  say(by("scrub-told"), clock.loop ? "one request" : clock.live ? "now" : `−${(behind / 1000).toFixed(1)} s`);
  const skipped =
    clock.skipped > 1 && clock.slow > 1 ? ` · ${ms(clock.skipped)} in which nothing moved left out` : "";
  say(by("status"), `${many(dots, "dot")} · emulator lag ${ms(lag)}${skipped}`);
}
