// The page's two connections: pictures of all visible streams over one, states and figures over the other.
// Chromium opens at most six connections to a host, so one for each camera would not do.

import { Lateness, RecordParser } from "./records.js";
import { address, signIn } from "./server.js";

const SILENCE_MS = 6000; // the server says something at least every 2 s on either connection
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5000;

export const now = () => performance.now() / 1000;

// Runs one connection again and again: `attempt(signal, alive)` returns when it breaks; `alive()` is called for
// whatever arrives.
class Repeated {
  #attempt;
  #onChange;
  #stop = null;

  constructor(attempt, onChange) {
    this.#attempt = attempt;
    this.#onChange = onChange;
  }

  open() {
    this.close();
    this.#stop = new AbortController();
    this.#run(this.#stop.signal);
  }

  close() {
    this.#stop?.abort();
    this.#stop = null;
  }

  async #run(stopped) {
    let retry_ms = FIRST_RETRY_MS;
    while (!stopped.aborted) {
      const cut = new AbortController();
      const cutNow = () => cut.abort();
      stopped.addEventListener("abort", cutNow);
      let watchdog = setTimeout(cutNow, SILENCE_MS);
      const alive = () => {
        clearTimeout(watchdog);
        watchdog = setTimeout(cutNow, SILENCE_MS);
        retry_ms = FIRST_RETRY_MS;
        this.#onChange({ connected: true });
      };
      let why = "the connection was closed";
      try {
        await this.#attempt(cut.signal, alive);
      } catch (error) {
        why = error.message;
      }
      clearTimeout(watchdog);
      stopped.removeEventListener("abort", cutNow);
      cut.abort();
      if (stopped.aborted) return;
      const wait_ms = retry_ms * (0.75 + Math.random() / 2);
      this.#onChange({ connected: false, why, retry_at_s: now() + wait_ms / 1000 });
      await sleep(wait_ms, stopped);
      retry_ms = Math.min(2 * retry_ms, LONGEST_RETRY_MS);
    }
  }
}

// `wanted()` gives the streams as [id, width in pixels].
export function pictures(wanted, onPicture, onChange) {
  return new Repeated(async (signal, alive) => {
    const lateness = new Lateness();
    const parser = new RecordParser();
    const streams = wanted();
    const names = streams.map(([id]) => encodeURIComponent(id)).join(",");
    const widths_px = streams.map(([, width_px]) => width_px).join(",");
    const response = await fetch(address(`api/live?streams=${names}&width=${widths_px}`), { signal, cache: "no-store" });
    if (response.status === 401) signIn();
    if (!response.ok) throw new Error((await response.json()).error);
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      const received_at_s = now();
      for (const { header, jpeg } of parser.push(value)) {
        const late_s = lateness.of(header.sent_at_s, received_at_s);
        if (header.jpeg_bytes) {
          onPicture({ ...header, jpeg, captured_at_s: received_at_s - header.age_s - late_s });
        }
      }
    }
  }, onChange);
}

export function events(onEvent, onChange) {
  return new Repeated(
    (signal, alive) =>
      new Promise((resolve) => {
        const source = new EventSource(address("api/events"));
        const end = () => {
          source.close();
          resolve();
        };
        signal.addEventListener("abort", end);
        source.onerror = end;
        for (const name of ["status", "state", "analytics"]) {
          source.addEventListener(name, (message) => {
            alive();
            onEvent(name, JSON.parse(message.data));
          });
        }
      }),
    onChange,
  );
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
