// Boxes over a video that is played, from what was found on its frames.

import { keptStyle } from "./drawing_settings.js";
import { ask } from "./server.js";
import { FoundLayer } from "./view/found-layer.js";

const HOLD_S = 0.7; // how long a box stays where nothing newer is known
const EARLY_S = 0.03; // a picture may be shown a little before its time
const MOST_FRAMES = 40_000;
const MOST_S = 900; // what the server gives at a time

export class BoxOverlay {
  #layer;
  #video;
  #frames = []; // the oldest first
  #asked = new Set();
  #className = "";
  #style = keptStyle();
  visible = true;

  // `unixOf(seconds of the video)` gives the time of the recordings.
  constructor(canvas, video, unixOf) {
    this.#layer = new FoundLayer(canvas, { picture: video });
    this.#video = video;
    const paint = (_, frame) => {
      this.paint(unixOf(frame.mediaTime));
      video.requestVideoFrameCallback(paint);
    };
    video.requestVideoFrameCallback?.(paint);
    for (const name of ["seeked", "timeupdate"]) video.addEventListener(name, () => video.paused && this.paint(unixOf(video.currentTime)));
  }

  set className(name) {
    this.#className = name;
  }

  forget() {
    this.#frames = [];
    this.#asked.clear();
    this.clear();
  }

  // Asks for what was found on a file's frames.
  async load({ id, stream, start_unix_s: start, end_unix_s: end }) {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    for (let since = start - 0.5; since < end; since += MOST_S) {
      const query = new URLSearchParams({ stream, since, until: Math.min(end + 0.5, since + MOST_S) });
      const { frames } = await ask(`api/recordings/boxes?${query}`).catch(() => ({ frames: [] }));
      this.#take(frames);
    }
  }

  #take(frames) {
    const known = new Map([...this.#frames, ...frames].map((frame) => [frame.time_unix_s, frame]));
    this.#frames = [...known.values()].sort((a, b) => a.time_unix_s - b.time_unix_s).slice(-MOST_FRAMES);
  }

  // What was found on the frame that is shown at a moment.
  at(unix_s) {
    let low = 0;
    let high = this.#frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#frames[middle].time_unix_s <= unix_s + EARLY_S) low = middle + 1;
      else high = middle;
    }
    const frame = this.#frames[low - 1];
    return frame && unix_s - frame.time_unix_s < HOLD_S ? frame : null;
  }

  clear() {
    this.#layer.draw({ result: null, shape: [1, 1] });
  }

  paint(unix_s) {
    const { videoWidth: width_px, videoHeight: height_px } = this.#video;
    const frame = this.visible && unix_s !== null && width_px ? this.at(unix_s) : null;
    if (!frame) return this.clear();
    const objects = frame.objects.filter((object) => !this.#className || object.class_name === this.#className);
    const result = {
      width_px,
      height_px,
      captured_us: 1e6 * frame.time_unix_s,
      is_tracked: objects.some(({ track_id: id }) => id !== null),
      objects: objects.map(({ box, ...object }) => ({ ...object, box_xyxy_px: box.map((edge, n) => edge * (n % 2 ? height_px : width_px)) })),
    };
    this.#layer.draw({ result, style: this.#style, shape: [width_px, height_px] });
  }
}
