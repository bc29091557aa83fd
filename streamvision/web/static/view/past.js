// Where the objects of one stream have been, in fractions of the picture: their trails, and where they were most.

import { HeatMap } from "./heat.js";
import { isNumbers } from "./visible.js";

const POINTS = 20; // of a full trail: more than about ten a second cannot be told apart
const MOST_OBJECTS = 256; // remembered of one frame; further trails would hide the picture
const USUAL_S = 2;
const MOST_KNOWN = 2048; // identities of which it is known when they came

export class Past {
  heat = new HeatMap();
  #samples = []; // {at_s, feet}, the oldest first; `feet` are the bottom centres of boxes by identity
  #source = "";
  #first_s = new Map(); // when an identity was seen first, by identity

  // Takes the objects of the next result that is drawn; another stretch of the stream, or time that runs back, begins anew.
  add(result, length_s = USUAL_S) {
    const { generation, segment, at_us = result.captured_us } = result;
    const at_s = at_us / 1e6;
    const source = `${generation} ${segment}`;
    if (source !== this.#source || at_s < this.#newest_s) this.clear();
    this.#source = source;
    const feet = feetOf(result);
    if (!(at_s > this.#newest_s)) this.#samples.pop(); // the same moment anew
    else this.heat.add(feet.values(), at_s);
    for (const id of feet.keys()) if (!this.#first_s.has(id)) this.#first_s.set(id, at_s);
    while (this.#first_s.size > MOST_KNOWN) this.#first_s.delete(this.#first_s.keys().next().value);
    // The newest point always counts; the one before it stays only where it is far enough from its own predecessor.
    const [before, last] = this.#samples.slice(-2);
    if (last && last.at_s - before.at_s < length_s / POINTS) this.#samples.pop();
    this.#samples.push({ at_s, feet });
    this.#samples = this.#samples.filter((sample) => at_s - sample.at_s <= length_s).slice(-POINTS - 2);
  }

  clear() {
    this.#samples = [];
    this.#first_s.clear();
    this.heat.clear();
  }

  // [identity, [[x, y] or null where it was not seen]] of each object on the newest frame, the oldest point first.
  get trails() {
    if (this.#samples.length < 2) return [];
    return [...this.#samples.at(-1).feet.keys()].map((id) => [id, this.#samples.map(({ feet }) => feet.get(id) ?? null)]);
  }

  // For how long an identity has been seen, in seconds; null where it has not.
  seenFor(id) {
    const first_s = this.#first_s.get(id);
    return first_s === undefined ? null : this.#newest_s - first_s;
  }

  get #newest_s() {
    return this.#samples.at(-1)?.at_s ?? -Infinity;
  }
}

function feetOf({ objects, width_px: width, height_px: height }) {
  const known = (objects ?? []).filter(({ track_id: id, box_xyxy_px: box }) => Number.isInteger(id) && isNumbers(box, 4));
  return new Map(known.slice(0, MOST_OBJECTS).map(({ track_id: id, box_xyxy_px: box }) => [id, [(box[0] + box[2]) / 2 / width, box[3] / height]]));
}
