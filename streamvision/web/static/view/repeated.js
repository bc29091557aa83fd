// A connection that is made again whenever it breaks, and watched for silence.

const SILENCE_MS = 6000; // the server says something at least every 2 s
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5000;

export const now = () => performance.now() / 1000;

// Runs one connection again and again: `attempt(signal, alive)` returns when it breaks; `alive()` is called for
// whatever arrives. `onChange` is told before the first of it is taken, and when a connection is over.
export class Repeated {
  #attempt;
  #onChange;
  #stop = null;

  constructor(attempt, onChange) {
    this.#attempt = attempt;
    this.#onChange = onChange;
  }

  get isOpen() {
    return this.#stop !== null;
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
      let connected = false;
      const alive = () => {
        clearTimeout(watchdog);
        if (stopped.aborted) return;
        watchdog = setTimeout(cutNow, SILENCE_MS);
        retry_ms = FIRST_RETRY_MS;
        if (connected) return;
        connected = true;
        this.#onChange({ connected });
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

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
