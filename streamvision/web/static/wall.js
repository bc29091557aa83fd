// The wall: puts the tiles into the chosen layout, page by page, and says which streams are in sight, and how large.

import { find } from "./dom.js";
import { recall, remember } from "./kept.js";
import { arrangement, askedWidth, LAYOUTS } from "./layout.js";

const SETTLED_MS = 250;
const MOST_WHOLE = 4; // so many streams come as their cameras send them, however small they are shown
const AROUND_PX = 110; // head and caption of a tile

export class Wall {
  #tiles;
  #grid = find("grid");
  #layout = recall("layout", LAYOUTS, "auto");
  #chosen = recall("large", null, null);
  #page = 0;
  #plan = null;
  #focus = null;
  #onChange;
  #settling = null;
  #asked = "";

  constructor(tiles, onChange) {
    this.#tiles = tiles;
    this.#onChange = onChange;
    for (const input of find("layouts").querySelectorAll("input")) {
      input.checked = input.value === this.#layout;
      input.addEventListener("change", () => this.#choose(input.value));
    }
    find("page-back").addEventListener("click", () => this.#turn(-1));
    find("page-on").addEventListener("click", () => this.#turn(1));
    find("fill").addEventListener("click", () => find("main").requestFullscreen?.());
    document.addEventListener("fullscreenchange", () => this.arrange());
    new ResizeObserver(() => this.#settle()).observe(document.body);
    addEventListener("resize", () => this.#settle());
  }

  // The streams in sight, as {id, width_px, layer}: how wide their pictures are to be, in pixels of the screen, and which
  // of their videos is asked for.
  get wanted() {
    return this.#ids.map((id) => {
      const tile = this.#tiles.get(id);
      return { id, width_px: askedWidth(tile.width_px), layer: tile.chooseLayer({ few: this.#ids.length <= MOST_WHOLE }) };
    });
  }

  set focus(id) {
    this.#focus = id;
    this.arrange();
  }

  // Makes a stream the large one, in the layout that has one; returns whether it was not large before.
  enlarge(id) {
    if (this.#layout !== "focus" || this.#focus !== null || this.#plan.large === id) return false;
    this.#chosen = id;
    remember("large", id);
    this.arrange();
    return true;
  }

  arrange() {
    const ids = [...this.#tiles.keys()];
    const layout = this.#focus === null ? this.#layout : "auto";
    this.#plan = arrangement(layout, ids, { page: this.#page, chosen: this.#chosen, size: this.#room() });
    this.#page = this.#plan.page;
    document.body.dataset.layout = layout;
    document.body.classList.toggle("fills", this.#plan.rows !== null && ids.length > 0);
    this.#grid.classList.toggle("alone", ids.length === 1);
    this.#grid.style.setProperty("--columns", this.#plan.columns);
    this.#grid.style.setProperty("--rows", this.#plan.rows ?? 1);
    this.#grid.style.setProperty("--most-wide", this.#plan.most_wide_px ? `${this.#plan.most_wide_px}px` : "none");
    for (const [id, tile] of this.#tiles) {
      tile.hidden = !this.#ids.includes(id);
      tile.focused = id === this.#focus;
      tile.large = id === this.#plan.large;
    }
    this.#showPager();
    this.tell();
  }

  get #ids() {
    return this.#focus === null ? this.#plan.shown : [this.#focus];
  }

  #room() {
    const style = getComputedStyle(find("main"));
    const gap_px = Number.parseFloat(getComputedStyle(this.#grid).columnGap) || 0;
    const width_px = find("main").clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
    const above_px = this.#grid.getBoundingClientRect().top + scrollY;
    const below_px = Number.parseFloat(style.paddingBottom) + document.querySelector(".foot").offsetHeight;
    const full = document.fullscreenElement === find("main");
    return { width_px, height_px: innerHeight - (full ? 8 : above_px + below_px), gap_px, around_px: full ? 0 : AROUND_PX, full };
  }

  #choose(layout) {
    this.#layout = layout;
    this.#page = 0;
    remember("layout", layout);
    this.arrange();
  }

  #turn(by) {
    this.#page = (this.#page + by + this.#plan.pages) % this.#plan.pages;
    this.arrange();
  }

  #showPager() {
    const { page, pages } = this.#plan;
    const many = this.#tiles.size > 1;
    find("layouts").hidden = find("fill").hidden = !many;
    find("wall-tools").hidden = many ? this.#focus !== null : !this.#tiles.size || !document.querySelector(".wall-tools .add");
    find("pager").hidden = pages < 2;
    find("page-words").textContent = pages < 2 ? "" : `${page + 1} of ${pages}`;
  }

  #settle() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.arrange(), SETTLED_MS);
  }

  // What is asked for changes only where another stream, or another size, is wanted.
  tell() {
    const asked = JSON.stringify(this.wanted);
    if (asked === this.#asked) return;
    this.#asked = asked;
    this.#onChange();
  }
}
