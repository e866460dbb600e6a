// Which moment of the world is shown, and the requests that are remembered: the last two minutes, and no more.
//
// All times are model time in milliseconds. Live, the picture is a little late, so that what is told in one piece can be
// drawn in its order. At 1/1 a request would be over in a blink: it is drawn stretched (`stretchOf`), and the legend says
// so. Slower than that everything moves exactly as it was recorded, only slower, and stretches of time in which nothing
// moved and nobody decided anything are left out.
export const SPEEDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
export const RING_MS = 120000;
const BEHIND_MS = 900,
  MOST = 1200,
  STRETCH = 160,
  LONGEST_MS = 4000,
  TAIL_MS = 600,
  IDLE_MS = 1.5,
  LATE_MS = 1000,
  PATIENT_MS = 20000;

// When something happens next within a request, in its own time: now, while a packet moves; else when the next one
// leaves, or the next decision is taken.
function nextWithin(request, own) {
  let next = Infinity;
  for (const step of request.steps) {
    if (step[2] <= own && own < step[3]) return own;
    if (step[2] > own) {
      next = step[2];
      break;
    }
  }
  const note = request.notes.find((each) => each[0] > own);
  return note ? Math.min(next, note[0]) : next;
}

export const stretchOf = (request) => Math.min(STRETCH, LONGEST_MS / Math.max(request.ms, 1));

export class Clock {
  constructor() {
    this.requests = [];
    this.live = true;
    this.paused = false;
    this.speed = 0;
    this.at = 0;
    this.skipped = 0;
    this.loop = null; // the request that is shown again and again while there is nothing new
    this.offset = null; // of model time against this browser's clock
    this.last = performance.now();
  }
  get slow() {
    return SPEEDS[this.speed];
  }
  get stretched() {
    return this.slow === 1 && !this.loop;
  }
  get now() {
    return this.offset === null ? 0 : performance.now() + this.offset - BEHIND_MS;
  }

  heard(modelNow) {
    const offset = modelNow - performance.now();
    // what comes late says nothing of the clock; what comes early does, and drift is followed slowly
    this.offset = this.offset === null ? offset : Math.max(offset, this.offset - 0.5);
    if (!this.at) this.at = this.now;
  }
  add(requests) {
    for (const request of requests) {
      const known = this.requests.findIndex((each) => each.id === request.id);
      if (known >= 0) this.requests.splice(known, 1);
      // what took long is told late: stretched, it begins when it is known
      request.start = this.now - request.at > LATE_MS ? this.now : request.at;
      request.end = Math.max(
        request.ms,
        ...request.steps.map((step) => step[3]),
        ...request.lost.map((lost) => lost[2]),
      );
      this.requests.push(request);
    }
    this.requests.sort((one, other) => one.at - other.at);
    const oldest = this.now - RING_MS;
    let gone = Math.max(this.requests.length - MOST, 0);
    while (gone < this.requests.length && this.requests[gone].at + this.requests[gone].ms < oldest) gone++;
    if (gone) this.requests.splice(0, gone);
  }

  // One step of the picture.
  tick(wall) {
    const passed = Math.min(wall - this.last, 250);
    this.last = wall;
    if (this.paused) return;
    if (this.loop) {
      this.at += passed / Math.max(this.slow, 100);
      this.skipWithin(this.loop);
      if (this.at > this.loop.at + this.loop.end + TAIL_MS / 100) this.at = this.loop.at;
      return;
    }
    if (this.live) {
      this.at = this.now;
      return;
    }
    this.at = Math.min(this.at + passed / this.slow, this.now);
    if (this.slow > 1) this.skipIdle();
  }
  skipWithin(request) {
    const own = this.at - request.at,
      next = Math.min(nextWithin(request, own), Math.max(request.end, own));
    if (next - own > IDLE_MS) this.at = request.at + next - IDLE_MS / 2;
  }
  // Nobody wants to look for two minutes at a request that waits 200 ms: the picture goes on with what moves next.
  skipIdle() {
    let next = Infinity;
    for (const request of this.requests) {
      if (request.at > this.at && request.at < next) next = request.at;
      if (request.at > this.at || this.at > request.at + request.end) continue;
      next = Math.min(next, request.at + nextWithin(request, this.at - request.at));
    }
    if (next - this.at < IDLE_MS) return;
    if (next > this.now) return;
    this.skipped += next - IDLE_MS / 2 - this.at;
    this.at = next - IDLE_MS / 2;
  }
  // From live into slow motion: at the beginning of the last request that is known, so that something moves at once.
  slowDown(speed) {
    const before = this.slow;
    this.speed = speed;
    this.loop = null;
    if (this.slow > 1 && (this.live || before === 1)) {
      const known = this.requests.filter((each) => each.outcome !== "waiting" && each.at <= this.at);
      if (known.length) this.at = known[known.length - 1].at;
      this.live = false;
    }
  }
  goLive() {
    this.live = true;
    this.paused = false;
    this.speed = 0;
    this.loop = null;
  }
  goTo(at) {
    this.at = at;
    this.live = false;
    this.loop = null;
  }

  // The requests that are on the map at this moment, each with where it is in its own time.
  *moving() {
    for (const request of this.loop ? [this.loop] : this.requests) {
      const factor = this.stretched ? stretchOf(request) : 1;
      const own = (this.at - (this.stretched ? request.start : request.at)) / factor;
      if (request.outcome === "waiting" && this.stretched && own >= 0 && this.at - request.start < PATIENT_MS)
        yield [request, Math.min(own, request.ms)];
      else if (
        own >= 0 &&
        own <= request.end + (this.stretched ? TAIL_MS / factor : TAIL_MS / Math.max(this.slow, 100))
      )
        yield [request, own];
    }
  }
}
