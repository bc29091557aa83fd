// Which of a stream's videos is asked for: the best one that this browser takes and the server has. No page in here.

export const LAYERS = ["auto", "h264", "jpeg"]; // the best first
const SECONDS_BARRED = { server: 60, decoder: 600, browser: Infinity };

export class LayerChoice {
  #preferred = "auto";
  #barred = new Map(); // {until_s, reason} by layer

  set preferred(layer) {
    this.#preferred = layer;
  }

  // The layer to ask for.
  at(now_s) {
    const from = LAYERS.indexOf(this.#preferred);
    return LAYERS.slice(from).find((layer) => !(this.#barred.get(layer)?.until_s > now_s)) ?? "jpeg";
  }

  // Whether without a layer there is nothing of what is asked for; of `auto`, `source` is only one part.
  isAsked(layer, now_s) {
    return LAYERS.indexOf(layer) >= LAYERS.indexOf(this.at(now_s));
  }

  // Takes note that a layer cannot be had for a while, by whose fault, and why; returns for how many seconds.
  bar(layer, { by, reason }, now_s) {
    const seconds = SECONDS_BARRED[by];
    const worse = layer === "source" ? "auto" : layer;
    for (const one of LAYERS.slice(0, LAYERS.indexOf(worse) + 1)) {
      const known = this.#barred.get(one);
      const first = known?.until_s > now_s ? known.reason : reason;
      this.#barred.set(one, { until_s: now_s + seconds, reason: first });
    }
    return seconds;
  }

  // Why something else than what was preferred is asked for; empty where it is not.
  why(now_s) {
    const barred = this.#barred.get(this.#preferred);
    return barred?.until_s > now_s ? barred.reason : "";
  }
}
