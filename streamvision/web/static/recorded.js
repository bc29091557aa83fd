// What was recorded and what happened in the time that is shown, asked of the server as far as it is not known yet.

import { ask } from "./server.js";
import { widthOf } from "./timescale.js";

const FRESH_MS = 15_000; // what is shown of the present is asked for again after that
const MARGIN = 0.5; // of the time that is shown, before and behind it

export class Recorded {
  stretches = []; // [{stream, kind, start_unix_s, end_unix_s}]
  events = []; // the oldest first, `at` being when they were by the recordings' clock
  more = false; // whether there are events beyond these
  #onNews;
  #held = null; // {since, until, filters, width, asked_ms}
  #asked = 0;

  constructor(onNews) {
    this.#onNews = onNews;
  }

  // Asks for what is not here yet. `filters` is {stream, class, region}.
  async show(shown, filters) {
    const key = JSON.stringify(filters);
    if (this.#holds(shown, key)) return;
    const width = widthOf(shown);
    const wanted = { since: Math.max(0, shown.since - MARGIN * width), until: shown.until + MARGIN * width };
    const mine = (this.#asked += 1);
    this.#held = { ...wanted, key, width, asked_ms: Date.now() };
    try {
      const [stretches, log] = await Promise.all([this.#stretches(wanted, width, filters), this.#log(wanted, filters)]);
      if (mine !== this.#asked) return; // something else was asked for in the meantime
      this.stretches = stretches;
      this.more = log.next !== null;
      this.events = log.events.map((one) => ({ ...one, at: one.captured_unix_s ?? one.time_unix_s })).sort((a, b) => a.at - b.at);
      this.#onNews(null);
    } catch (error) {
      if (mine !== this.#asked) return;
      this.#held = null;
      this.#onNews(error);
    }
  }

  // Something was changed: nothing that is known may still hold.
  forget() {
    this.#held = null;
  }

  // Where the recordings of a stream go on at or after a moment, as far as they are known; null: nowhere.
  next(stream, unix_s) {
    const behind = this.stretches.filter((one) => one.stream === stream && one.end_unix_s > unix_s);
    if (!behind.length) return null;
    return Math.max(unix_s, Math.min(...behind.map((one) => one.start_unix_s)));
  }

  covers(stream, unix_s) {
    return this.stretches.some((one) => one.stream === stream && one.start_unix_s <= unix_s && one.end_unix_s >= unix_s);
  }

  #holds(shown, key) {
    const held = this.#held;
    if (!held || held.key !== key || shown.since < held.since || shown.until > held.until) return false;
    const ratio = widthOf(shown) / held.width;
    const isPresent = shown.until > held.asked_ms / 1000 - 60;
    return ratio > 0.5 && ratio < 2 && !(isPresent && Date.now() - held.asked_ms > FRESH_MS);
  }

  async #stretches(wanted, width, { stream }) {
    const found = [];
    for (let since = wanted.since; since !== null; ) {
      const query = new URLSearchParams({ streams: stream, since, until: wanted.until, gap_s: Math.max(1, width / 800) });
      const answer = await ask(`api/recordings/stretches?${query}`);
      found.push(...answer.stretches);
      since = answer.next;
    }
    return found;
  }

  // Events are asked for by their own clock, which may differ a little from that of the recordings.
  #log(wanted, filters) {
    const asked = Object.entries({ ...filters, ...wanted, limit: 1000 }).filter(([, value]) => value !== "");
    return ask(`api/event-log?${new URLSearchParams(asked)}`).catch((error) => {
      if (error.status === 404) return { events: [], next: null }; // where no events are kept
      throw error;
    });
  }
}
