// What the pointer is over on the timeline: the picture of that moment, or of an event, beside it.

import { find } from "./dom.js";
import { happening } from "./happenings.js";
import { address } from "./server.js";
import { moment } from "./timescale.js";

const REST_MS = 90; // of the pointer, before a picture is asked for
const WIDTH_PX = 240;
const EDGE_PX = 8;

export class Peek {
  #thumbnails;
  #nameOf;
  #timer = null;
  #shown = 0;

  constructor(thumbnails, nameOf) {
    this.#thumbnails = thumbnails;
    this.#nameOf = nameOf;
  }

  // `what` is {stream, at, events, x, y}, or null for nothing; `width_s` is how much time is on the line.
  show(what, width_s) {
    clearTimeout(this.#timer);
    const mine = (this.#shown += 1);
    find("peek").hidden = what === null;
    if (what === null) return;
    const event = what.events.at(-1);
    const more = what.events.length > 1 ? `, and ${what.events.length - 1} more` : "";
    find("peek-words").textContent = event ? `${event.region}: ${happening(event)}${more}, ${moment(what.at)}` : `${this.#nameOf(what.stream)}, ${moment(what.at)}`;
    this.#place(what);
    if (event?.picture) return this.#picture(address(event.picture));
    this.#timer = setTimeout(async () => {
      const url = await this.#thumbnails.get(what.stream, what.at, { width: WIDTH_PX, step_s: Math.max(1, width_s / 400) });
      if (mine === this.#shown) this.#picture(url);
    }, REST_MS);
  }

  #picture(url) {
    find("peek-picture").hidden = url === null;
    if (url !== null) find("peek-picture").src = url;
  }

  #place({ x, y }) {
    const { clientWidth: width } = document.documentElement;
    const own = find("peek").offsetWidth;
    const left = Math.min(width - own - EDGE_PX, Math.max(EDGE_PX, x - own / 2));
    Object.assign(find("peek").style, { left: `${left}px`, bottom: `${document.documentElement.clientHeight - y + EDGE_PX}px` });
  }
}
