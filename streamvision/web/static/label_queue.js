// Which pictures there are, which of them are asked for, which comes next, and how long the rest may take. No page in here.

const FEWEST_TIMES = 3; // pictures before it is said how long the rest takes
const LONGEST_S = 120; // spent on a picture that counts: what is longer is a break
const MOST_TIMES = 50; // newest ones that count

export class Queue {
  #pictures = [];
  #filter = { state: "waiting", reason: "", className: "" };
  #times_s = [];

  get pictures() {
    return this.#pictures;
  }

  set pictures(pictures) {
    this.#pictures = pictures;
  }

  get filter() {
    return this.#filter;
  }

  set filter(filter) {
    this.#filter = { ...this.#filter, ...filter };
  }

  // The pictures that are asked for, those that are worth most first.
  get shown() {
    const { state, reason, className } = this.#filter;
    return this.#pictures.filter(
      (picture) =>
        (state === "all" || picture.state === state) &&
        (!reason || picture.reasons.includes(reason)) &&
        (!className || picture.classes.includes(className)),
    );
  }

  find(name) {
    return this.#pictures.find((picture) => picture.name === name) ?? null;
  }

  // The name of the picture behind or before (`by` = -1) another one, in the row of all; null at the end. One that somebody
  // else has before them comes only where no other is left.
  from(name, by = 1) {
    const order = this.#pictures.map((picture) => picture.name);
    const shown = new Set(this.shown.map((picture) => picture.name));
    const begin = order.indexOf(name);
    const row = begin < 0 ? [...order] : by > 0 ? order.slice(begin + 1) : order.slice(0, begin).reverse();
    const wanted = row.filter((one) => shown.has(one));
    return (by > 0 ? wanted.find((one) => !this.find(one).taken) : undefined) ?? wanted[0] ?? null;
  }

  // The next one that waits, from the beginning again behind the last.
  next(name) {
    return this.from(name) ?? this.shown.map((picture) => picture.name).find((one) => one !== name) ?? null;
  }

  // Takes note of what became of a picture; `state` null: it is gone.
  note(name, state, classes = null) {
    const changed = (picture) => ({ ...picture, state, taken: false, classes: classes ?? picture.classes });
    if (state === null) this.#pictures = this.#pictures.filter((picture) => picture.name !== name);
    else this.#pictures = this.#pictures.map((picture) => (picture.name === name ? changed(picture) : picture));
  }

  spent(seconds) {
    this.#times_s = [...this.#times_s, Math.min(LONGEST_S, seconds)].slice(-MOST_TIMES);
  }

  // How far one is; `refused` were thrown away since the page was opened. Its words: "3 of 50, about 4 minutes left".
  progress(refused) {
    const labelled = this.#pictures.filter((picture) => picture.state === "labelled").length;
    const waiting = this.#pictures.length - labelled;
    const [done, all] = [labelled + refused, labelled + refused + waiting];
    return { done, all, words: all ? `${done} of ${all}${this.#rest(waiting)}` : "" };
  }

  #rest(waiting) {
    if (!waiting) return ", all done";
    if (this.#times_s.length < FEWEST_TIMES) return "";
    const minutes = Math.ceil((median(this.#times_s) * waiting) / 60);
    if (minutes === 1) return ", about a minute left";
    return minutes < 120 ? `, about ${minutes} minutes left` : `, about ${Math.round(minutes / 60)} hours left`;
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
