// Counts failures of late.

const MOST = 3;
const WITHIN_S = 10;

export class Failures {
  #at_s = [];

  // Takes note of one; returns whether there are too many.
  add(now_s) {
    this.#at_s = [...this.#at_s.filter((at_s) => now_s - at_s < WITHIN_S), now_s];
    return this.#at_s.length >= MOST;
  }

  forget() {
    this.#at_s = [];
  }
}
