// Words on a picture: pieces of text on a ground of one colour, put where there is room.

import { placeLabels } from "./labels.js";
import { wordsOn } from "./palette.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

export class Words {
  taken = []; // [left, top, right, bottom] of what is written already
  #pen;
  #at;
  #look;

  constructor(pen, at, look) {
    this.#pen = pen;
    this.#at = at;
    this.#look = look;
    pen.font = `600 ${0.7 * look.text}px ${FONT}`;
    pen.textBaseline = "middle";
  }

  get line() {
    return Math.round(this.#look.text);
  }

  sizeOf(text) {
    return [Math.ceil(this.#pen.measureText(text).width + 2 * this.#look.pad), this.line];
  }

  // Writes a text with its left top corner at a place, or as near to it as the picture allows.
  write(text, left, top, colour, take = true) {
    const [width, height] = this.sizeOf(text);
    const x = clamp(left, this.#at.left, this.#at.left + this.#at.width - width);
    const y = clamp(top, this.#at.top, this.#at.top + this.#at.height - height);
    this.#pen.fillStyle = colour;
    this.#pen.fillRect(x, y, width, height);
    this.#pen.fillStyle = wordsOn(colour);
    this.#pen.fillText(text, x + this.#look.pad, y + 0.53 * height);
    if (take) this.taken.push([x, y, x + width, y + height]);
  }

  // Writes what stands at regions, below what is written there already.
  regions(found) {
    for (const { text, left, top, behind, colour } of found) {
      const size = this.sizeOf(text);
      let [x, y] = behind ? this.#behind(behind, size) : [left, top];
      for (const used of this.taken) if (used[0] < x + size[0] && x < used[2] && used[1] < y + size[1] && y < used[3]) y = used[3];
      this.write(text, x, y, colour);
    }
  }

  // Writes a label beside each object; the most important is written last: where there is no room it lies on top.
  labels(seen) {
    const objects = [...seen].sort((a, b) => b.importance - a.importance);
    const texts = objects.map(({ name, figures }) => [name, ...figures].join("  "));
    const { left, top, width, height } = this.#at;
    const around = { picture: [left, top, left + width, top + height], taken: this.taken, gap: this.#look.line / 2 };
    const places = placeLabels(objects.map(({ box }) => box), texts.map((text) => this.sizeOf(text)), around);
    for (let n = objects.length - 1; n >= 0; n -= 1) this.write(texts[n], places[n].left, places[n].top, objects[n].colour, false);
  }

  // Behind the arrow of a line, beside it, so that both stay in sight.
  #behind({ middle, ahead }, [width, height]) {
    const away = (Math.abs(ahead[0]) * width + Math.abs(ahead[1]) * height) / 2 + this.#look.pad;
    return [middle[0] - ahead[0] * away - width / 2, middle[1] - ahead[1] * away - height / 2];
  }
}

const clamp = (value, least, most) => Math.round(Math.max(Math.min(value, most), least));
