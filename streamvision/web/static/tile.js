// One stream on the page: its picture, its state over the picture, and its figures.

import { Editor } from "./editor.js";
import { facts } from "./facts.js";
import * as format from "./format.js";
import { FoundPanel } from "./found_panel.js";
import { AgeHistory } from "./history.js";
import { LiveSettings } from "./live_settings.js";
import { address, streamPath } from "./server.js";
import { Tallies } from "./tallies.js";
import { withoutObjects } from "./tasks.js";
import { LivePicture } from "./view/live-picture.js";
import { now } from "./view/repeated.js";

const OVER = new Set(["ended", "failed", "stopped"]);
const WORDS = {
  idle: "Waiting",
  connecting: "Connecting",
  starting: "Starting",
  live: "Live",
  stalled: "Stalled",
  reconnecting: "Reconnecting",
  ended: "Ended",
  failed: "Failed",
  stopped: "Stopped",
  offline: "No connection",
};
const MOST_CHIPS = 4;
const APART_S = 2;
const WHOLE_SHARE = 0.6; // of the camera's width; one that is shown smaller is asked for in a size of its own

export class Tile {
  #element;
  #canvas;
  #live;
  #settings;
  #hasVideo;
  #found;
  #history;
  #tallies;
  #editor;
  #shape = ""; // of the picture on the canvas
  #status = null;
  #status_at_s = 0;
  #apart_at_s = -Infinity; // when the boxes were of another frame than the picture last
  #onWish;
  #isPaused = true;

  // Takes the element to copy, the stream's first status, whether the server has video, and what is told when another
  // layer is wanted.
  constructor(template, status, { hasVideo, onWish }) {
    const { id } = status;
    this.#hasVideo = hasVideo;
    this.#onWish = onWish;
    this.id = id;
    this.#element = template.content.firstElementChild.cloneNode(true);
    this.#element.dataset.stream = id;
    for (const anchor of this.#element.querySelectorAll("[data-path]")) anchor.href = address(streamPath(id) + anchor.dataset.path);
    for (const anchor of this.#element.querySelectorAll("[data-api]")) anchor.href = address(`api/${streamPath(id)}${anchor.dataset.api}`);
    this.#find(".look-back")?.setAttribute("href", address(`timeline?${new URLSearchParams({ stream: id })}`));
    this.#canvas = this.#find("canvas.picture");
    const overlay = this.#find("canvas.overlay");
    const onSeen = (seen, result) => this.#found.see(seen, result);
    this.#live = new LivePicture({ picture: this.#canvas, overlay, onShown: (shown) => this.#see(shown), onChange: onWish, onSeen });
    this.#settings = new LiveSettings(this.#find(".live-video"), (settings) => {
      this.#live.mode = settings.boxes;
      onWish();
    });
    this.#live.mode = this.#settings.boxes;
    this.#found = new FoundPanel(this.#element, this.#live, id);
    this.#history = new AgeHistory(this.#find(".history"));
    this.#tallies = new Tallies(this.#find(".analytics"), this.id);
    this.#editor = this.#find(".editor") && new Editor(this.#element, this.id); // viewers get none
    this.#find(".sound").addEventListener("click", () => {
      this.#live.hear(!this.#live.isHeard);
      this.#showSound();
    });
    this.#find(".fullscreen").addEventListener("click", () => this.#find(".stage").requestFullscreen?.());
    this.update(status);
  }

  get element() {
    return this.#element;
  }

  get name() {
    return this.#status.name || this.id;
  }

  // How wide the picture is shown, in pixels of the screen.
  get width_px() {
    return this.#find(".stage").clientWidth * (window.devicePixelRatio || 1);
  }

  // The stream's state; one that is live is "starting" until it has a picture to show for it.
  get state() {
    const { state, frames_done: done } = this.#status;
    const awaited = !this.#live.shown && !(this.#element.hidden && done);
    return state === "live" && awaited ? "starting" : state;
  }

  set hidden(hidden) {
    this.#element.hidden = hidden;
  }

  set large(large) {
    this.#element.classList.toggle("large", large);
  }

  set focused(focused) {
    const before = this.#element.classList.contains("focused");
    this.#element.classList.toggle("focused", focused);
    if (focused && !before) this.#editor?.look();
    if (focused) this.#tallies.show();
    else this.#editor?.close();
    if (!focused) this.#found.closeCard();
  }

  remove() {
    this.#editor?.close();
    this.#live.close();
    this.#settings.close();
    this.#found.close();
    this.#element.remove();
  }

  // Takes one of the stream's live records.
  take(header, data, offset_s) {
    this.#isPaused = false;
    this.#live.take(header, data, offset_s);
  }

  // Takes note that nothing comes for now.
  pause() {
    this.#isPaused = true;
    this.#live.pause();
  }

  // Which video to ask for: the camera's own, where `few` are shown or this one is shown large; else one that was made small.
  chooseLayer({ few }) {
    const isLarge = few || this.width_px > WHOLE_SHARE * (this.#status.width_px ?? 0);
    this.#live.preferred = this.#hasVideo ? (this.#settings.layer ?? (isLarge ? "auto" : "h264")) : "jpeg";
    return this.#live.layer;
  }

  #see({ width_px, height_px }) {
    const first = this.#shape === "";
    const shape = [this.#canvas.width, this.#canvas.height].join("x");
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#find(".stage").style.setProperty("--ratio", width_px / height_px);
      this.#editor?.fit();
    }
    if (!first) return;
    this.#element.classList.add("has-picture");
    this.#showPresent();
  }

  // Takes the figures; returns a sentence when the state has changed since the last time.
  update(status) {
    const previous = this.#status;
    this.#status = status;
    this.#status_at_s = now();
    this.#showName();
    this.#showPresent();
    this.#write(".fps", format.rate(status.fps));
    this.#write(".viewers", status.viewers);
    this.#write(".viewers-word", status.viewers === 1 ? "viewer" : "viewers");
    this.#write(".drops", format.count(format.sum(status.drops)));
    this.#write(".node", status.node ? `on ${status.node}` : "");
    this.#find(".node").hidden = !status.node;
    this.#writeCounts(status);
    this.#writeFacts(status);
    this.#tallies.update(status.analytics);
    this.#canvas.setAttribute("aria-label", this.#describe(status));
    this.tick();
    if (previous && previous.width_px !== status.width_px) this.#onWish(); // which video is best depends on it
    if (!previous || previous.state === status.state) return null;
    return `${this.name}: ${WORDS[status.state] ?? status.state}${status.reason ? `, ${status.reason}` : ""}`;
  }

  // Takes an event of the analytics.
  happened(event) {
    this.#tallies.add(event);
  }

  // Takes note that the server is out of reach: what was true when it was last heard need not be true now.
  lose() {
    this.#showState("offline", `last known state: ${this.#status.state}`);
  }

  #showPresent() {
    const { state } = this;
    this.#showState(state, state === "starting" ? "the first picture is on its way" : this.#status.reason);
  }

  #showState(state, reason) {
    this.#element.dataset.state = state;
    this.#write(".state", WORDS[state] ?? state);
    this.#write(".interruption-state", WORDS[state] ?? state);
    this.#write(".interruption-reason", reason);
  }

  // Lets time pass: ages grow between two messages, above all when there are none. `over` is the way of the pictures.
  tick(over = null) {
    const status = this.#status;
    if (!status) return;
    const since_s = status.state_age_s + now() - this.#status_at_s;
    const known = this.#element.dataset.state === this.state;
    this.#write(".interruption-since", !known ? "" : OVER.has(status.state) ? `${format.duration(since_s)} ago` : `for ${format.duration(since_s)}`);
    const shown = this.#live.shown;
    const counts = shown !== null && !OVER.has(status.state);
    const age_s = counts ? now() - shown.captured_s : null;
    this.#find(".age").hidden = !counts;
    this.#write(".age", counts ? format.age(age_s) : "");
    this.#write(".age-large", counts ? format.age(age_s) : "–");
    const areApart = counts && this.#areApart(shown);
    const boxes = areApart ? `boxes ${format.age(now() - shown.boxes_captured_s)}` : "";
    this.#write(".figures .boxes-age", boxes);
    this.#write(".details .boxes-age", !counts ? "" : shown.boxes_captured_s === null ? "no boxes" : boxes || "boxes of the same frame");
    this.#element.dataset.freshness = !counts ? "none" : age_s > 2 ? "old" : age_s > 0.5 ? "late" : "fresh";
    this.#showSound();
    if (!this.#isPaused) this.#history.add(age_s, now());
    if (!this.#element.classList.contains("focused")) return;
    this.#history.draw(now());
    this.#write(".told", this.#live.told(over));
  }

  // Whether the boxes are of another frame than the picture, or were a moment ago, so that words do not come and go.
  #areApart({ captured_s, boxes_captured_s }) {
    if (boxes_captured_s === null) return false;
    if (boxes_captured_s !== captured_s) this.#apart_at_s = now();
    return now() - this.#apart_at_s < APART_S;
  }

  #showSound() {
    const button = this.#find(".sound");
    button.hidden = !this.#live.hasSound;
    button.setAttribute("aria-pressed", String(this.#live.isHeard));
  }

  #describe(status) {
    const objects = Object.entries(status.objects).map(([name, n]) => `${n} ${name}`);
    return `Picture of ${this.name}, ${WORDS[status.state] ?? status.state}: ${objects.join(", ") || "no objects"}`;
  }

  #writeCounts(status) {
    const rows = classes(status);
    const chips = rows.slice(0, MOST_CHIPS).map(([name, present, seen]) => {
      const chip = node("li", present ? "chip present" : "chip");
      chip.title = `${name}: ${present} in the picture now, ${seen} identities since the start`;
      chip.append(node("b", "", present), ` ${name}`, node("span", "seen", `${format.count(seen)} seen`));
      return chip;
    });
    if (rows.length > MOST_CHIPS) chips.push(node("li", "chip", `+${rows.length - MOST_CHIPS} more`));
    const nothing = withoutObjects(status.task);
    if (!rows.length) chips.push(node("li", "chip quiet", nothing.short));
    for (const stage of (status.stages ?? []).filter((one) => one.state !== "running")) {
      const chip = node("li", "chip stage", `${stage.name}: ${stage.state}`);
      chip.title = stage.reason;
      chips.push(chip);
    }
    for (const output of (status.outputs ?? []).filter((one) => one.state === "failing")) {
      const chip = node("li", "chip stage", `${output.name.replaceAll("_", " ")}: failing`);
      chip.title = output.reason;
      chips.push(chip);
    }
    this.#find(".counts").replaceChildren(...chips);
    const cells = rows.map(([name, present, seen]) => {
      const row = node("tr");
      row.append(node("td", "", name), node("td", "", present), node("td", "", format.count(seen)));
      return row;
    });
    this.#find(".seen-classes tbody").replaceChildren(...cells);
    this.#find(".seen-classes").hidden = !rows.length;
    this.#find(".none").hidden = rows.length > 0;
    this.#write(".none", nothing.sentence);
  }

  #writeFacts(status) {
    const pairs = Object.entries(facts(status)).flatMap(([name, value]) => [node("dt", "", name), node("dd", "", value)]);
    this.#find(".facts").replaceChildren(...pairs);
  }

  #showName() {
    if (this.#element.getAttribute("aria-label") === `Stream ${this.name}`) return;
    this.#element.setAttribute("aria-label", `Stream ${this.name}`);
    this.#write("h2 .open", this.name);
    this.#find(".stage .open").setAttribute("aria-label", `Enlarge ${this.name}`);
    this.#find(".details").setAttribute("aria-label", `Details of ${this.name}`);
    this.#find(".drawing").setAttribute("aria-label", `Lines, zones and masks of ${this.name}`);
  }

  #find(selector) {
    return this.#element.querySelector(selector);
  }

  #write(selector, words) {
    const element = this.#find(selector);
    const text = String(words);
    if (element.textContent !== text) element.textContent = text;
  }
}

// [name, now, since the start] of every class, what is in the picture first.
function classes(status) {
  const names = new Set([...Object.keys(status.objects), ...Object.keys(status.identities)]);
  return [...names]
    .map((name) => [name, status.objects[name] ?? 0, status.identities[name] ?? 0])
    .sort((a, b) => b[1] - a[1] || b[2] - a[2] || a[0].localeCompare(b[0]));
}

function node(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}
