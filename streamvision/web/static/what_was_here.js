// What was here: a region is drawn on the picture, and it is looked for what moved, or which objects were, in it.

import { find, say } from "./dom.js";
import { foundItem } from "./moments.js";
import { HINT, RegionDrawing } from "./region_drawing.js";
import { motion, objects } from "./searches.js";
import { moment } from "./timescale.js";

const LISTED = 100;
const SEARCHES = ["find-motion", "find-objects"];

export class WhatWasHere {
  #drawing;
  #thumbnails;
  #tell;
  #search = 0; // of which the newest alone goes on

  // `tell` has: begun(), where() -> {stream, shown, className}, found(found), go(one).
  constructor(thumbnails, tell) {
    this.#thumbnails = thumbnails;
    this.#tell = tell;
    this.#drawing = new RegionDrawing(find("drawing"), { done: () => this.#drawn(), ended: () => this.#ended() });
    const onClick = (id, act) => find(id)?.addEventListener("click", act);
    onClick("draw", () => (find("draw").getAttribute("aria-pressed") === "true" ? this.#drawing.close() : this.#begin()));
    onClick("find-motion", () => this.#searching((isWanted) => this.#motion(isWanted)));
    onClick("find-objects", () => this.#searching((isWanted) => this.#objects(isWanted)));
    onClick("stop-search", () => this.#stop());
  }

  // Another camera is shown: neither the region nor what was found in it is of that one.
  forget() {
    this.#search += 1;
    this.#offer(false);
    find("stop-search").hidden = true;
    find("drawing").setAttribute("hidden", "");
    this.#show([]);
    say(find("here-said"), "");
  }

  #begin() {
    if (this.#tell.where().stream === null) return say(find("here-said"), "Choose a moment of a camera first.", true);
    this.#tell.begun();
    this.forget();
    find("draw").setAttribute("aria-pressed", "true");
    say(find("here-said"), HINT);
    this.#drawing.open();
  }

  #ended() {
    find("draw").setAttribute("aria-pressed", "false");
    if (!this.#drawing.region) say(find("here-said"), "");
  }

  #drawn() {
    this.#offer(true);
    say(find("here-said"), "Now look for what moved in it, or which objects were there.");
    find("find-motion").focus();
  }

  #offer(offered) {
    for (const id of SEARCHES) if (find(id)) find(id).disabled = !offered;
  }

  #stop() {
    this.#search += 1;
    find("stop-search").hidden = true;
    say(find("here-said"), "Stopped.");
  }

  async #searching(act) {
    const mine = (this.#search += 1);
    const isWanted = () => mine === this.#search;
    find("stop-search").hidden = false;
    say(find("here-said"), "Looking …");
    this.#show([]);
    try {
      await act(isWanted);
    } catch (error) {
      if (isWanted()) say(find("here-said"), error.message, true);
    }
    if (isWanted()) find("stop-search").hidden = true;
  }

  async #motion(isWanted) {
    const { stream, shown } = this.#tell.where();
    const span = { since: shown.since, until: Math.min(shown.until, Date.now() / 1000) };
    let words = inWords([]);
    for await (const { moments, until } of motion(stream, span, this.#drawing.region, isWanted)) {
      if (!isWanted()) return;
      words = inWords(moments);
      this.#show(moments);
      say(find("here-said"), `${words}; looked until ${moment(until)} …`);
    }
    if (isWanted()) say(find("here-said"), `${words} in the time that was shown.`);
  }

  async #objects(isWanted) {
    const { stream, shown, className } = this.#tell.where();
    const found = await objects(stream, shown, this.#drawing.region, className);
    if (!isWanted()) return;
    this.#show(found);
    const words = found.length ? `${found.length} object${found.length === 1 ? " was" : "s were"} here` : "No object was here";
    say(find("here-said"), `${words} in the time that was shown.`);
  }

  #show(found) {
    document.querySelector('.legend [data-kind="motion"]').hidden = !found.length;
    this.#tell.found(found);
    find("found").replaceChildren(...found.slice(0, LISTED).map((one) => foundItem(one, this.#thumbnails, () => this.#tell.go(one))));
  }
}

const inWords = ({ length: n }) => (n ? `Something moved at ${n} moment${n === 1 ? "" : "s"}` : "Nothing moved here");
