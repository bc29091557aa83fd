// What scripts of live_stage.py have at hand: the body of a function that has `load`.
//
// The page's clock, that of its sound and its repaints go on as the script says, and wait for the decoders: a busy machine
// shows what an idle one does. The clock of a <video> cannot be told; what plays by one plays at its own pace.

const clock_ms = performance.now.bind(performance);
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let page_ms = clock_ms();
performance.now = () => page_ms;
Object.defineProperty(BaseAudioContext.prototype, "currentTime", { get: () => page_ms / 1000 });
const asked = new Map();
let asks = 0;
const real = { requestAnimationFrame, cancelAnimationFrame };
globalThis.requestAnimationFrame = (act) => asked.set((asks += 1), act) && asks;
globalThis.cancelAnimationFrame = (ask) => asked.delete(ask);

// Moves the page's clock on to a second, and repaints.
const goTo = (at_s) => {
  page_ms = Math.max(page_ms, 1000 * at_s);
  const acts = [...asked.values()];
  asked.clear();
  for (const act of acts) act(page_ms);
};

// Gives the page its own clock and repaints back.
const inRealTime = () => {
  performance.now = clock_ms;
  Object.assign(globalThis, real);
};

// --- decoders, and who waits for them ---------------------------------------------------------------------------------

const STALLED_MS = 2000; // after which what a decoder has not given is not waited for
const decoders = new Set();
const watched = (Decoder) =>
  class extends Decoder {
    static questions = 0;
    #owed = 0;
    #kept = 0; // so many it keeps to itself

    constructor({ output, error }) {
      const came = (one) => {
        this.#owed -= 1;
        output(one);
      };
      const failed = (reason) => {
        this.#owed = 0;
        error(reason);
      };
      super({ output: came, error: failed });
      decoders.add(this);
    }

    static async isConfigSupported(config) {
      this.questions += 1;
      return super.isConfigSupported(config).finally(() => (this.questions -= 1));
    }

    decode(chunk) {
      super.decode(chunk);
      this.#owed += 1;
    }

    close() {
      this.#owed = 0;
      super.close();
    }

    get isBusy() {
      return this.#owed > this.#kept;
    }

    giveUp() {
      this.#kept = Math.max(this.#owed, this.#kept);
    }
  };
const kinds = ["VideoDecoder", "AudioDecoder"].filter((name) => name in globalThis);
for (const name of kinds) globalThis[name] = watched(globalThis[name]);

// Waits until all that was given is decoded, and what was asked is answered.
const idle = async () => {
  const until_ms = clock_ms() + STALLED_MS;
  const isBusy = () => kinds.some((name) => globalThis[name].questions) || [...decoders].some((one) => one.isBusy);
  do await rest(0);
  while (isBusy() && clock_ms() < until_ms);
  for (const one of decoders) one.giveUp();
};

// --- the picture ------------------------------------------------------------------------------------------------------

document.body.innerHTML = `<div style="position:relative;width:640px;height:360px">
  <canvas id="picture" style="width:100%;height:100%"></canvas>
  <canvas id="overlay" style="position:absolute;inset:0;width:100%;height:100%"></canvas></div>`;
const { LivePicture } = await load("view/live-picture.js");
const { now } = await load("view/repeated.js");
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const [picture, overlay] = ["picture", "overlay"].map((id) => document.getElementById(id));
const shown = [];
let changes = 0;
const onShown = (one) => shown.push({ ...look(one), age_s: now() - one.captured_s });
const live = new LivePicture({ picture, overlay, onShown, onChange: () => (changes += 1) });
// Where the square begins, in fractions of the picture, and where the box does.
const first = (canvas, isHit) => {
  if (!canvas.width || !canvas.height) return null;
  const row = canvas.getContext("2d").getImageData(0, Math.round(canvas.height * 0.5), canvas.width, 1).data;
  for (let x = 0; x < canvas.width; x += 1) if (isHit(row.subarray(4 * x, 4 * x + 4))) return x / canvas.width;
  return null;
};
const look = ({ result, ...rest }) => ({
  ...rest, frame: result?.frame ?? null,
  square: first(picture, ([red]) => red > 130), box: first(overlay, ([, , , alpha]) => alpha > 100),
});
const told = () => live.told("websocket");

// Sends packets when they are captured, and results so much later, and lets half a second more pass.
// `begun_s` is the page's clock at second 0 of the capture; `after` is called with the number of each packet that was sent.
const play = async (packets, results, { late_s = 0, begun_s = now(), after = () => {} } = {}) => {
  const send = ({ data, ...packet }, n) => {
    live.take({ packet }, bytes(data), begun_s);
    after(n);
  };
  const acts = packets.map((packet, n) => [packet.captured_us / 1e6, () => send(packet, n)]);
  results.forEach((result, n) => acts.push([packets[n].captured_us / 1e6 + late_s, () => live.take({ result }, null, begun_s)]));
  acts.sort(([one_s], [other_s]) => one_s - other_s);
  const last_s = acts.at(-1)[0];
  for (let n = 1; n <= 10; n += 1) acts.push([last_s + n / 20, () => {}]);
  await idle();
  for (const [at_s, act] of acts) {
    page_ms = Math.max(page_ms, 1000 * (begun_s + at_s));
    act();
    await idle();
    goTo(begun_s + at_s);
  }
};
