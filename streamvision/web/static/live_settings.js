// How this browser takes live video, of all streams: kept in it, and the same in every tile.

import { recall, remember } from "./kept.js";
import { MODES } from "./view/schedule.js";

const VIDEO = ["auto", "mjpeg"];
const CHANGED = "live-settings";

export class LiveSettings {
  #video = recall("live-video", VIDEO, "auto");
  #boxes = recall("live-boxes", MODES, "exact");
  #selects;
  #onChange;
  #follow = ({ detail }) => this.#take(detail);

  // `element` has a select for each setting; `onChange(settings)` is told when one is another, in whatever tile.
  constructor(element, onChange) {
    this.#onChange = onChange;
    this.#selects = ["video", "boxes"].map((name) => element.querySelector(`[name=${name}]`));
    for (const select of this.#selects) select.addEventListener("change", () => this.#choose());
    addEventListener(CHANGED, this.#follow);
    this.#show();
  }

  // The layer that is asked for whatever the size; null where the size decides.
  get layer() {
    if (this.#video === "mjpeg") return "jpeg";
    return matchMedia("(prefers-reduced-data: reduce)").matches ? "h264" : null;
  }

  // When boxes are shown: one of MODES.
  get boxes() {
    return this.#boxes;
  }

  close() {
    removeEventListener(CHANGED, this.#follow);
  }

  #choose() {
    const [video, boxes] = this.#selects.map(({ value }) => value);
    remember("live-video", video);
    remember("live-boxes", boxes);
    dispatchEvent(new CustomEvent(CHANGED, { detail: { video, boxes } }));
  }

  #take({ video, boxes }) {
    this.#video = video;
    this.#boxes = boxes;
    this.#show();
    this.#onChange(this);
  }

  #show() {
    [this.#selects[0].value, this.#selects[1].value] = [this.#video, this.#boxes];
  }
}
