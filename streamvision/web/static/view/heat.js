// Where objects were most while a page looked on: a coarse grid over the picture, which fades.

const [COLUMNS, ROWS] = [96, 54];
const FADES_S = 60; // to a half
const SPREAD = 2; // cells around an object's foot
const WEIGHTS = [-SPREAD, -1, 0, 1, SPREAD].map((by) => Math.exp((-by * by) / 2));

export class HeatMap {
  #seconds = new Float32Array(COLUMNS * ROWS);
  #at_s = null;
  #grid = null;

  // Takes where objects are, [x, y] in fractions of the picture.
  add(feet, at_s) {
    const passed_s = this.#at_s === null ? 0 : Math.min(Math.max(at_s - this.#at_s, 0), 1);
    this.#at_s = at_s;
    const kept = 0.5 ** (passed_s / FADES_S);
    for (let n = 0; n < this.#seconds.length; n += 1) this.#seconds[n] *= kept;
    for (const [x, y] of feet) this.#spread(Math.floor(x * COLUMNS), Math.floor(y * ROWS), passed_s);
  }

  clear() {
    this.#seconds.fill(0);
    this.#at_s = null;
  }

  paint(pen, { left, top, width, height }) {
    const most = Math.sqrt(this.#seconds.reduce((a, b) => Math.max(a, b), 0));
    if (!most) return;
    const pixels = new ImageData(COLUMNS, ROWS);
    for (let n = 0; n < this.#seconds.length; n += 1) {
      const level = Math.sqrt(this.#seconds[n]) / most; // a lane stays visible beside a parking place
      pixels.data.set([...warmth(level), 165 * Math.min(1, 2 * level)], 4 * n);
    }
    this.#grid ??= new OffscreenCanvas(COLUMNS, ROWS);
    this.#grid.getContext("2d").putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(this.#grid, left, top, width, height);
  }

  #spread(column, row, seconds) {
    for (let dy = -SPREAD; dy <= SPREAD; dy += 1) {
      for (let dx = -SPREAD; dx <= SPREAD; dx += 1) {
        const [x, y] = [column + dx, row + dy];
        if (x >= 0 && y >= 0 && x < COLUMNS && y < ROWS) this.#seconds[y * COLUMNS + x] += seconds * WEIGHTS[dx + SPREAD] * WEIGHTS[dy + SPREAD];
      }
    }
  }
}

// From blue over green and yellow to red.
function warmth(level) {
  const part = (centre) => 255 * Math.min(1, Math.max(0, 1.5 - Math.abs(4 * level - centre)));
  return [part(3), part(2), part(1)];
}
