// Reads, at each repaint, which picture of a numbered film a page shows, and to which picture the drawn box belongs.

(geometry) => {
  const { strip, number_bits, check_bits, side, centre, radius, frames } = geometry;
  const WIDTH_PX = 480;
  const HEIGHT_PX = 270;
  const STRIP_PX = [160, 8];
  const NEIGHBOURS = 8; // how far a box may be off and still be known
  const COLOURED = 24; // all that is grey came from the camera
  const NO_BOX = 0.4; // of closeness
  const EDGE_PX = 5; // trackers carry boxes a little off their objects; the next picture's box is 11 px away

  // What is shown of an element whose object-fit leaves room around it.
  function shownRect(element) {
    const rect = element.getBoundingClientRect();
    const width = element.videoWidth || element.naturalWidth || element.width;
    const height = element.videoHeight || element.naturalHeight || element.height;
    if (!width || !height || !rect.width) return null;
    if (getComputedStyle(element).objectFit !== "contain") return rect;
    const scale = Math.min(rect.width / width, rect.height / height);
    const [w, h] = [width * scale, height * scale];
    return new DOMRect(rect.x + (rect.width - w) / 2, rect.y + (rect.height - h) / 2, w, h);
  }

  function isVisible(element) {
    return element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  }

  // Pictures and what lies above them, from below.
  function layers(stage) {
    return [...stage.querySelectorAll("canvas, video, img")]
      .filter(isVisible)
      .map((element) => ({ element, rect: shownRect(element) }))
      .filter(({ rect }) => rect);
  }

  function paint(pen, found, [left, top, width, height], [to_width, to_height]) {
    const whole = found[0].rect;
    const [sx, sy] = [to_width / (width * whole.width), to_height / (height * whole.height)];
    pen.clearRect(0, 0, to_width, to_height);
    for (const { element, rect } of found) {
      const x = (rect.x - whole.x - left * whole.width) * sx;
      const y = (rect.y - whole.y - top * whole.height) * sy;
      pen.drawImage(element, x, y, rect.width * sx, rect.height * sy);
    }
  }

  function numberOf(data, width, height) {
    const cells = number_bits + check_bits;
    const row = Math.floor(height / 2);
    let code = 0;
    for (let cell = 0; cell < cells; cell++) {
      const column = Math.floor(((cell + 0.5) * width) / cells);
      let sum = 0;
      for (let y = row - 1; y <= row + 1; y++) for (let x = column - 1; x <= column + 1; x++) sum += data[4 * (y * width + x) + 1];
      code = 2 * code + (sum / 9 > 77 ? 1 : 0);
    }
    const number = code >> check_bits;
    let nibbles = 0;
    for (let shift = 0; shift < number_bits; shift += 4) nibbles += (number >> shift) & 0xf;
    return (code & 0xf) === ((nibbles & 0xf) ^ 0xa) ? number : null;
  }

  function boxOf(number) {
    const angle = (2 * Math.PI * number) / frames;
    const x = WIDTH_PX * (centre[0] + radius * Math.cos(angle));
    const y = WIDTH_PX * (centre[1] + radius * Math.sin(angle));
    const half = (WIDTH_PX * side) / 2;
    return [x - half, y - half, x + half, y + half];
  }

  // How near colours lie to a box's left, right and lower edge, 0 to 1; above it stands the label.
  function closeness(data, [left, top, right, bottom]) {
    const isColoured = (x, y) => {
      const at = 4 * (Math.round(y) * WIDTH_PX + Math.round(x));
      const [r, g, b] = [data[at], data[at + 1], data[at + 2]];
      return Math.max(r, g, b) - Math.min(r, g, b) > COLOURED;
    };
    let [sum, all] = [0, 0];
    const look = (x, y, dx, dy) => {
      all += 1;
      for (let off = 0; off <= EDGE_PX; off++) {
        if (isColoured(x + off * dx, y + off * dy) || isColoured(x - off * dx, y - off * dy)) {
          sum += 1 - off / (EDGE_PX + 1);
          return;
        }
      }
    };
    for (let y = top + 6; y < bottom - 6; y++) {
      look(left, y, 1, 0);
      look(right, y, 1, 0);
    }
    for (let x = left + 6; x < right - 6; x++) look(x, bottom, 0, 1);
    return sum / all;
  }

  // How many pictures ahead of the shown one the drawn box is; null where there is none nearby.
  function aheadOf(data, number) {
    let [best, most] = [null, NO_BOX];
    for (let ahead = -NEIGHBOURS; ahead <= NEIGHBOURS; ahead++) {
      const close = closeness(data, boxOf(number + ahead));
      if (close > most) [best, most] = [ahead, close];
    }
    return best;
  }

  class Reader {
    #stage;
    #withBoxes;
    #small = new OffscreenCanvas(...STRIP_PX).getContext("2d", { willReadFrequently: true, alpha: false });
    #large = new OffscreenCanvas(WIDTH_PX, HEIGHT_PX).getContext("2d", { willReadFrequently: true, alpha: false });
    #running = true;
    #every_ms;
    #next_ms = 0;
    shown = []; // {number, first_ms, last_ms, ahead: [each that was seen]}
    unread = 0; // repaints at which no number could be read

    constructor(stage, { withBoxes, every_ms }) {
      [this.#stage, this.#withBoxes, this.#every_ms] = [stage, withBoxes, every_ms];
      requestAnimationFrame((at_ms) => this.#look(at_ms));
    }

    stop() {
      this.#running = false;
      return { shown: this.shown, unread: this.unread };
    }

    #look(at_ms) {
      if (!this.#running) return;
      requestAnimationFrame((next_ms) => this.#look(next_ms));
      if (at_ms < this.#next_ms) return;
      this.#next_ms = at_ms + this.#every_ms;
      const found = layers(this.#stage.shadowRoot ?? this.#stage);
      if (!found.length) return;
      const [left, top, right, bottom] = strip;
      const area = [left, top, right - left, bottom - top];
      // The picture is the lowest that has a number: below it may lie one that waits.
      let number = null;
      for (let lowest = 0; lowest < found.length && number === null; lowest++) {
        paint(this.#small, found.slice(lowest), area, STRIP_PX);
        number = numberOf(this.#small.getImageData(0, 0, ...STRIP_PX).data, ...STRIP_PX);
      }
      if (number === null) {
        this.unread += 1;
        return;
      }
      let last = this.shown.at(-1);
      if (last?.number !== number) {
        last = { number, first_ms: performance.now(), last_ms: 0, ahead: [] };
        this.shown.push(last);
      }
      last.last_ms = performance.now();
      if (!this.#withBoxes) return;
      paint(this.#large, found, [0, 0, 1, 1], [WIDTH_PX, HEIGHT_PX]);
      const ahead = aheadOf(this.#large.getImageData(0, 0, WIDTH_PX, HEIGHT_PX).data, number);
      if (!last.ahead.includes(ahead)) last.ahead.push(ahead);
    }
  }

  window.shownPictures = {
    readers: new Map(),
    start(selector, options) {
      const stage = document.querySelector(selector);
      if (!stage) throw new Error(`nothing on the page is ${selector}`);
      this.readers.get(selector)?.stop();
      this.readers.set(selector, new Reader(stage, options));
    },
    count(selector) {
      return this.readers.get(selector).shown.length;
    },
    stop(selector) {
      return this.readers.get(selector).stop();
    },
  };
}
