// Says which picture is shown when, and with which boxes. No page in here.
//
// Exact: a picture waits for the result with its own time. Where its frame never entered the network, a later result is
// there, and its boxes are between those of the results before and after. Fresh: a picture is shown at once, with the boxes
// of the newest result, carried on as they moved.

import { between, carried } from "./motion.js";

export const MODES = ["exact", "fresh"];
const LONGEST_WAIT_S = 0.3; // of a picture for its result
const ABANDONED = 3; // so many pictures in a row whose results are later, and it is fresh from then on
const CALM_S = 2; // without late results, and it is exact again
const CATCHING_UP = 0.9; // of the time between two pictures, so that what came late once is not late for ever
const WINDOW_S = 2; // how long it is remembered how long pictures waited
const SHARE = 0.9; // of those pictures, which are shown evenly
const SELDOM = 0.1; // of all results: so many may come with pictures between them, and no picture is held back for evenness
const MOST_RESULTS = 240;
const MOST_PICTURES = 24; // a decoder has only so many
const HELD_S = 1.5; // boxes that are older than their picture by more are not shown
const NOTHING = { result: null, boxes_captured_s: null, is_own: false };

export class Schedule {
  #mode = "exact";
  #format = null;
  #pictures = []; // that wait, the oldest first
  #results = []; // the oldest first
  #former = null; // {at_us, base_s} of the newest picture
  #waits = []; // {at_s, wait_s, skipped}: how old the oldest picture was that waited for a result, and whether it was another's
  #abandoned = 0; // pictures in a row whose result did not come in time
  #late = false; // whether results are too late to be waited for
  #late_at_s = -Infinity; // when a result was late last
  #unanswered = []; // {at_us, came_s} of the pictures that are later than the newest result, the oldest first

  // Begins a video: pictures and results of what was before no longer belong together.
  begin(format) {
    this.clear();
    this.#former = null;
    this.#format = format;
    this.#results = this.#results.filter((result) => this.#timed(result)).map((result) => ({ ...result, at_us: this.#timeOf(result) }));
  }

  // Forgets all that was: what comes next may be another server's, whose clocks began anew.
  forget() {
    this.clear();
    this.#results = [];
    this.#former = null;
    this.#waits = [];
    this.#abandoned = 0;
    this.#late = false;
    this.#late_at_s = -Infinity;
  }

  get isEmpty() {
    return this.#pictures.length === 0;
  }

  clear() {
    for (const { picture } of this.#pictures.splice(0)) picture.close();
    this.#unanswered = [];
  }

  set mode(mode) {
    this.#mode = mode;
  }

  // What holds now: one who wants exact has fresh while results are too late, or are in the picture already.
  get mode() {
    return this.#late || this.#format?.is_drawn ? "fresh" : this.#mode;
  }

  // Whether it is fresh though exact is wanted.
  get yields() {
    return this.#late && this.#mode === "exact" && !this.#format?.is_drawn;
  }

  // Takes a picture that was decoded, anything with close(); `captured_s` is on the clock of `now_s`.
  addPicture(picture, packet, captured_s, now_s) {
    const at_us = this.#timeOf(packet);
    const base_s = this.#baseOf(at_us, captured_s);
    this.#pictures.push({ picture, packet, at_us, captured_s, base_s, came_s: now_s });
    while (this.#pictures.length > MOST_PICTURES) this.#pictures.shift().picture.close();
    if (this.#knows(at_us)) this.#noteWait(0, now_s);
    else if (this.#unanswered.length < MOST_RESULTS) this.#unanswered.push({ at_us, came_s: now_s });
  }

  addResult(result, captured_s, now_s) {
    if (!this.#timed(result)) return;
    const at_us = this.#timeOf(result);
    const previous = this.#results.at(-1);
    if (previous && at_us <= previous.at_us) return; // twice the same
    const waited = this.#pictures.find((one) => one.at_us <= at_us && !(one.at_us <= previous?.at_us));
    this.#waits = this.#waits.filter(({ at_s }) => now_s - at_s < WINDOW_S);
    this.#waits.push({ at_s: now_s, wait_s: now_s - (waited?.base_s ?? captured_s), skipped: waited !== undefined && waited.at_us < at_us });
    const [oldest] = this.#unanswered;
    this.#unanswered = this.#unanswered.filter((one) => one.at_us > at_us);
    if (oldest?.at_us <= at_us) this.#noteWait(now_s - oldest.came_s, now_s);
    this.#results.push({ ...result, at_us, captured_s });
    if (this.#results.length > MOST_RESULTS) this.#results.shift();
  }

  // The newest result; null before the first.
  get newest() {
    return this.#results.at(-1) ?? null;
  }

  // The result of a frame by its number, or of the one before it that has one; null where none is known.
  resultOf(frame) {
    return this.#results.findLast((result) => result.frame <= frame) ?? null;
  }

  // Gives what is to be shown now: {picture, packet, captured_s, result, boxes_captured_s, is_own}, or null where nothing is new.
  // Older pictures that are due as well are closed.
  due(now_s) {
    const delay_s = this.mode === "exact" ? this.#delay() : 0;
    let last = -1;
    for (let n = 0; n < this.#pictures.length && this.#isDue(this.#pictures[n], delay_s, now_s); n += 1) last = n;
    if (last < 0) return null;
    for (const { picture } of this.#pictures.splice(0, last)) picture.close();
    const { picture, packet, at_us, captured_s } = this.#pictures.shift();
    return { picture, packet, captured_s, ...this.#found(at_us) };
  }

  #isDue({ at_us, base_s, came_s }, delay_s, now_s) {
    if (this.mode === "fresh") return true;
    if (now_s - came_s >= LONGEST_WAIT_S) {
      if (!this.#knows(at_us)) this.#abandon(now_s);
      else this.#abandoned = 0;
      return true;
    }
    if (!this.#knows(at_us) || now_s - base_s < delay_s) return false;
    this.#abandoned = 0;
    return true;
  }

  // When a picture begins to wait. Of pictures that are sent before those that are shown before them, that is after these.
  #baseOf(at_us, captured_s) {
    const { at_us: former_us, base_s: former_s } = this.#former ?? { at_us, base_s: -Infinity };
    const apart_s = Math.max(0, at_us - former_us) / 1e6;
    const base_s = captured_s > former_s ? captured_s : former_s + CATCHING_UP * Math.min(apart_s, LONGEST_WAIT_S);
    this.#former = { at_us, base_s };
    return base_s;
  }

  // Takes note of how long after a picture a result came that tells what is on it.
  #noteWait(wait_s, now_s) {
    if (wait_s > LONGEST_WAIT_S) this.#late_at_s = now_s;
    else if (now_s - this.#late_at_s > CALM_S) this.#late = false;
  }

  #abandon(now_s) {
    this.#abandoned += 1;
    this.#late_at_s = now_s;
    if (this.#abandoned >= ABANDONED) this.#late = true;
  }

  // Whether the picture's result is there, or a later one, so that its own never comes.
  #knows(at_us) {
    return this.#results.length > 0 && this.#results.at(-1).at_us >= at_us;
  }

  // How long a picture waits, so that those without a result of their own come as evenly as the others, and so do those
  // that are decoded in another order; where each has its own, in order, none is held back.
  #delay() {
    const is_even = !this.#format?.reorders && this.#waits.filter(({ skipped }) => skipped).length <= SELDOM * this.#waits.length;
    if (is_even) return 0;
    const waits_s = this.#waits.map(({ wait_s }) => wait_s).sort((a, b) => a - b);
    return Math.min(LONGEST_WAIT_S, waits_s[Math.floor(SHARE * (waits_s.length - 1))] ?? 0);
  }

  #found(at_us) {
    let after = this.#results.length;
    while (after > 0 && this.#results[after - 1].at_us > at_us) after -= 1;
    const [previous, before, next] = [-2, -1, 0].map((by) => this.#results[after + by]);
    if (after > 2) this.#results.splice(0, after - 2); // no later picture needs them
    if (!before) return NOTHING;
    const is_own = before.at_us === at_us;
    if (is_own) return { result: before, boxes_captured_s: before.captured_s, is_own };
    if (next) return { result: between(before, next, at_us), boxes_captured_s: before.captured_s, is_own };
    if (at_us - before.at_us > HELD_S * 1e6) return NOTHING;
    return { result: carried(previous, before, at_us), boxes_captured_s: before.captured_s, is_own };
  }

  #timed({ generation }) {
    return !this.#format || this.#format.way === "encoded" || generation === this.#format.generation;
  }

  // The time by which pictures and results belong together.
  #timeOf({ time_us, captured_us }) {
    return this.#format?.way === "passed_on" ? time_us : captured_us;
  }
}
