// What is new, as server-sent events. A hidden tab listens to nothing; a world that is gone is asked again, ever more seldom.
// So is one that is silent, as the state comes every second: who was cut off in between may never be told.
const HIDDEN_MS = 3000,
  SILENT_MS = 5000,
  FIRST_MS = 500,
  MOST_MS = 15000;

export function listen({ onFrame, onAway, onBack }) {
  let source = null,
    wait = FIRST_MS,
    timer = null,
    hidden = null,
    silent = null,
    away = false;

  function open() {
    timer = null;
    if (source || document.hidden) return;
    source = new EventSource("/events");
    listening();
    source.onmessage = (event) => {
      listening();
      wait = FIRST_MS;
      if (away) {
        away = false;
        onBack();
      }
      onFrame(JSON.parse(event.data));
    };
    source.onerror = lost;
  }
  function listening() {
    clearTimeout(silent);
    silent = setTimeout(lost, SILENT_MS);
  }
  function lost() {
    close();
    away = true;
    onAway(wait);
    timer = setTimeout(open, wait);
    wait = Math.min(wait * 2, MOST_MS);
  }
  function close() {
    clearTimeout(silent);
    if (source) source.close();
    source = null;
  }
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    if (document.hidden) hidden = setTimeout(close, HIDDEN_MS);
    else if (!timer) open();
  });
  open();
}
