// The age of the picture over the last minute, as a small chart; the dotted line is where a picture begins to be late.

const SPAN_S = 60;
const STEP_S = 0.5;
const LATE_S = 0.5;

export class AgeHistory {
  #canvas;
  #samples = []; // {at_s, age_s}: the worst age of each step
  constructor(canvas) {
    this.#canvas = canvas;
  }

  add(age_s, now_s) {
    if (age_s === null) return;
    const last = this.#samples.at(-1);
    if (last && now_s - last.at_s < STEP_S) {
      last.age_s = Math.max(last.age_s, age_s);
      return;
    }
    this.#samples.push({ at_s: now_s, age_s });
    while (this.#samples[0].at_s < now_s - SPAN_S - STEP_S) this.#samples.shift();
  }

  draw(now_s) {
    const scale = window.devicePixelRatio || 1;
    const width = this.#canvas.clientWidth;
    const height = this.#canvas.clientHeight;
    if (!width || !height) return;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const pen = this.#canvas.getContext("2d");
    pen.scale(scale, scale);
    const top_s = Math.max(LATE_S * 1.15, ...this.#samples.map((sample) => sample.age_s * 1.1));
    const x = (at_s) => width - ((now_s - at_s) / SPAN_S) * width;
    const y = (age_s) => height - 1 - (age_s / top_s) * (height - 2);
    pen.strokeStyle = getComputedStyle(this.#canvas).color;
    pen.globalAlpha = 0.45;
    pen.setLineDash([3, 4]);
    pen.beginPath();
    pen.moveTo(0, y(LATE_S));
    pen.lineTo(width, y(LATE_S));
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
    if (this.#samples.length < 2) return;

    const line = new Path2D();
    this.#samples.forEach(({ at_s, age_s }, i) => (i ? line.lineTo(x(at_s), y(age_s)) : line.moveTo(x(at_s), y(age_s))));
    pen.lineWidth = 1.75;
    pen.lineJoin = "round";
    pen.stroke(line);
    line.lineTo(x(this.#samples.at(-1).at_s), height);
    line.lineTo(x(this.#samples[0].at_s), height);
    pen.globalAlpha = 0.14;
    pen.fillStyle = pen.strokeStyle;
    pen.fill(line);
  }
}
