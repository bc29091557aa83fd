// Small pictures of what was recorded, a few asked for at a time: those that are wanted last come first.

import { address } from "./server.js";

const AT_ONCE = 2;
const KEPT = 300;
const BUSY_MS = 700; // until a server is asked again that had too much to do
const WAITING = 60; // those that nobody has looked at for so many others are not asked for

export class Thumbnails {
  #kept = new Map(); // key -> promise of an address; the oldest first
  #waiting = [];
  #running = 0;

  // Gives the address of a picture, or null where nothing was recorded. `step_s`: how near is near enough.
  get(stream, unix_s, { width, step_s = 1 }) {
    const at = Math.floor(unix_s / step_s) * step_s;
    const path = `api/recordings/thumbnail.jpg?${new URLSearchParams({ stream, at: at + Math.min(step_s, 1) / 2, width })}`;
    const known = this.#kept.get(path);
    if (known) return known;
    const promise = new Promise((resolve) => this.#waiting.push({ path, resolve }));
    this.#kept.set(path, promise);
    if (this.#kept.size > KEPT) this.#drop();
    for (const one of this.#waiting.splice(0, Math.max(0, this.#waiting.length - WAITING))) this.#give(one, null);
    this.#ask();
    return promise;
  }

  #drop() {
    const [path, promise] = this.#kept.entries().next().value;
    this.#kept.delete(path);
    promise.then((url) => url && setTimeout(() => URL.revokeObjectURL(url), 60_000));
  }

  #give({ path, resolve }, url) {
    if (url === null) this.#kept.delete(path);
    resolve(url);
  }

  async #ask() {
    if (this.#running >= AT_ONCE || !this.#waiting.length) return;
    this.#running += 1;
    const one = this.#waiting.pop();
    try {
      const response = await fetch(address(one.path), { signal: AbortSignal.timeout(15_000) });
      if (response.status === 503) {
        await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
        this.#waiting.unshift(one);
      } else {
        this.#give(one, response.ok ? URL.createObjectURL(await response.blob()) : null);
      }
    } catch {
      this.#give(one, null);
    }
    this.#running -= 1;
    this.#ask();
  }
}
