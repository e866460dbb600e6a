// What is new, as server-sent events. A hidden tab listens to nothing; a world that is gone is asked again, ever more seldom.
const HIDDEN_MS = 3000,
  FIRST_MS = 500,
  MOST_MS = 15000;

export function listen({ onFrame, onAway, onBack }) {
  let source = null,
    wait = FIRST_MS,
    timer = null,
    hidden = null,
    away = false;

  function open() {
    timer = null;
    if (source || document.hidden) return;
    source = new EventSource("/events");
    source.onmessage = (event) => {
      wait = FIRST_MS;
      if (away) {
        away = false;
        onBack();
      }
      onFrame(JSON.parse(event.data));
    };
    source.onerror = () => {
      close();
      away = true;
      onAway(wait);
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, MOST_MS);
    };
  }
  function close() {
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
