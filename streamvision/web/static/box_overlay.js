// Boxes over a video that is played, from what was found on its frames.

import { ask } from "./server.js";

// As the boxes are that are drawn into pictures: by identity.
const COLOURS = ["#ff9900", "#29ceff", "#d13b0f", "#9650e8", "#1b9163", "#f6ff7d", "#d323a3", "#c3fad6"];
const DARK_WORDS = new Set(["#ff9900", "#29ceff", "#f6ff7d", "#c3fad6", "#d6dce2"]);
const UNCONFIRMED = "#d6dce2";
const HOLD_S = 0.7; // how long a box stays where nothing newer is known
const EARLY_S = 0.03; // a picture may be shown a little before its time
const MOST_FRAMES = 40_000;
const MOST_S = 900; // what the server gives at a time

export class BoxOverlay {
  #canvas;
  #video;
  #frames = []; // the oldest first
  #asked = new Set();
  #className = "";
  visible = true;

  // `unixOf(seconds of the video)` gives the time of the recordings.
  constructor(canvas, video, unixOf) {
    this.#canvas = canvas;
    this.#video = video;
    const paint = (_, frame) => {
      this.paint(unixOf(frame.mediaTime));
      video.requestVideoFrameCallback(paint);
    };
    video.requestVideoFrameCallback?.(paint);
    for (const name of ["seeked", "timeupdate"]) video.addEventListener(name, () => video.paused && this.paint(unixOf(video.currentTime)));
    new ResizeObserver(() => this.paint(unixOf(video.currentTime))).observe(canvas);
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
    return frame && unix_s - frame.time_unix_s < HOLD_S ? frame.objects : [];
  }

  clear() {
    this.#canvas.width = 0;
  }

  paint(unix_s) {
    if (!this.visible || unix_s === null || !this.#video.videoWidth) return this.clear();
    const { width, height } = this.#canvas.getBoundingClientRect();
    const scale = window.devicePixelRatio || 1;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const pen = this.#canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = "600 12px system-ui, sans-serif";
    for (const object of this.at(unix_s)) {
      if (!this.#className || object.class_name === this.#className) drawn(pen, object, fitted(this.#video, width, height));
    }
  }
}

// Where the picture is in its frame: it keeps its shape.
export function fitted({ videoWidth, videoHeight }, width, height) {
  const scale = Math.min(width / videoWidth, height / videoHeight);
  const size = [videoWidth * scale, videoHeight * scale];
  return { left: (width - size[0]) / 2, top: (height - size[1]) / 2, width: size[0], height: size[1] };
}

function drawn(pen, { box, track_id: id, class_name: name, score }, at) {
  const colour = id === null ? UNCONFIRMED : COLOURS[id % COLOURS.length];
  const [left, top] = [at.left + box[0] * at.width, at.top + box[1] * at.height];
  pen.lineWidth = 2;
  pen.strokeStyle = colour;
  pen.strokeRect(left, top, (box[2] - box[0]) * at.width, (box[3] - box[1]) * at.height);
  const words = `${name}${id === null ? "" : ` ${id}`} ${Math.round(100 * score)} %`;
  const high = 17;
  const y = top >= at.top + high ? top - high : top;
  pen.fillStyle = colour;
  pen.fillRect(left - 1, y, pen.measureText(words).width + 9, high);
  pen.fillStyle = DARK_WORDS.has(colour) ? "#0b0e13" : "#ffffff";
  pen.fillText(words, left + 4, y + 12.5);
}
