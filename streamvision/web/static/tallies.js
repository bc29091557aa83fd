// The counts of one stream's lines and zones, and the newest events.

import { happening } from "./happenings.js";
import { ask, streamPath } from "./server.js";

const MOST_EVENTS = 8;

export class Tallies {
  #section;
  #events = [];
  #url;
  #asked = false;

  constructor(section, id) {
    this.#section = section;
    this.#url = `api/${streamPath(id)}/analytics`;
  }

  // Takes the counts of a status; a stream without analytics has none.
  update(analytics) {
    this.#section.hidden = !analytics?.lines;
    if (this.#section.hidden) return;
    const lines = Object.entries(analytics.lines).flatMap(([name, ways]) =>
      Object.entries(ways).map(([way, counts]) => row([`${name}, ${way}`, counts.total], classes(counts.classes))),
    );
    const zones = Object.entries(analytics.zones).map(([name, zone]) =>
      row([name, zone.inside], `entered ${zone.entered}, left ${zone.left}, at most ${zone.most}`),
    );
    this.#section.querySelector("tbody").replaceChildren(...lines, ...zones);
  }

  // Fetches what happened before this page was opened, once it is looked at.
  async show() {
    if (this.#asked || this.#section.hidden) return;
    this.#asked = true;
    const { events } = await ask(this.#url).catch(() => ({ events: [] }));
    this.#events = [...events, ...this.#events].slice(-MOST_EVENTS);
    this.#list();
  }

  add(event) {
    this.#events = [...this.#events, event].slice(-MOST_EVENTS);
    this.#list();
  }

  #list() {
    const items = this.#events.map((event) => {
      const item = document.createElement("li");
      const unix_s = event.time_unix_s;
      const time = unix_s === null ? `${event.pts_s.toFixed(1)} s` : new Date(unix_s * 1000).toLocaleTimeString("en-GB");
      item.textContent = `${time} ${event.region}: ${happening(event)}`;
      item.dataset.kind = event.kind;
      return item;
    });
    this.#section.querySelector(".happened").replaceChildren(...items.reverse());
  }
}

function classes(counts) {
  return Object.entries(counts).map(([name, n]) => `${n} ${name}`).join(", ");
}

function row(cells, title) {
  const line = document.createElement("tr");
  line.title = title;
  for (const text of cells) {
    const cell = document.createElement("td");
    cell.textContent = text;
    line.append(cell);
  }
  return line;
}
