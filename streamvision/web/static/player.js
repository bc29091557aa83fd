// Plays what was recorded of a stream: one file after another, by Media Source Extensions, at the time of the recordings.

import { address, ask } from "./server.js";

const PART_BYTES = 2 << 20; // asked for at a time, so that nothing waits half-read on a connection
const AHEAD_S = 20; // of playing, kept ready
const BEHIND_S = 30; // kept for going back
const FILES_S = 600; // how far ahead files are listed
const PRESENT_S = 180; // a file that ends less than this ago is followed by another one soon
const PATIENCE_MS = 30_000;

export class Player {
  #video;
  #tell;
  #session = 0; // of which the newest alone goes on
  #base_unix_s = null; // what the video's own time begins at
  #buffer = null;
  #wanted_s = 0; // where the video is to go when there is something
  #halted_s = null; // where the video was when it was looked at last
  #speed = 1;
  #stream = null;

  // `tell` has: time(), state(words), file(file) for each file that is begun, over(unix_s) where playing ended.
  constructor(video, tell) {
    this.#video = video;
    this.#tell = tell;
    for (const name of ["timeupdate", "seeked"]) video.addEventListener(name, () => this.#base_unix_s !== null && tell.time());
    for (const name of ["play", "pause", "playing", "seeked"]) video.addEventListener(name, () => tell.state(""));
    video.addEventListener("ended", () => tell.over(this.time_unix_s));
    video.addEventListener("error", () => this.#base_unix_s !== null && tell.state(`It cannot be played: ${video.error?.message ?? "no reason"}`));
    setInterval(() => this.#overGaps(), 200);
  }

  get stream() {
    return this.#stream;
  }

  get time_unix_s() {
    return this.#base_unix_s === null ? null : this.#base_unix_s + (this.#video.readyState ? this.#video.currentTime : this.#wanted_s);
  }

  get playing() {
    return this.#base_unix_s !== null && !this.#video.paused;
  }

  set speed(speed) {
    this.#speed = speed;
    this.#video.playbackRate = speed;
    this.#video.defaultPlaybackRate = speed;
  }

  play() {
    return this.#video.play().catch(() => null); // it was paused, or moved, before it began
  }

  pause() {
    this.#video.pause();
  }

  // Goes to a moment; returns whether there is something to be seen.
  async show(stream, unix_s, { play }) {
    if (stream === this.#stream && this.#isBuffered(unix_s)) {
      this.#video.currentTime = unix_s - this.#base_unix_s;
      if (play) this.play();
      return true;
    }
    const mine = (this.#session += 1);
    this.#stream = stream;
    const files = await this.#files(stream, unix_s);
    if (mine !== this.#session) return true;
    const first = files.find((file) => file.end_unix_s > unix_s);
    if (!first || first.start_unix_s > unix_s + 1) {
      this.clear();
      return false;
    }
    this.#begin(mine, first, unix_s, play);
    return true;
  }

  clear() {
    this.#session += 1;
    this.#base_unix_s = null;
    this.#buffer = null;
    this.#video.pause();
    if (this.#video.src) URL.revokeObjectURL(this.#video.src);
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #begin(mine, file, unix_s, play) {
    const media = new MediaSource();
    if (this.#video.src) URL.revokeObjectURL(this.#video.src);
    this.#buffer = null;
    this.#base_unix_s = file.start_unix_s;
    this.#wanted_s = Math.max(0, unix_s - file.start_unix_s);
    this.#video.src = URL.createObjectURL(media);
    this.#video.playbackRate = this.#speed;
    this.#video.addEventListener("loadedmetadata", () => (this.#video.currentTime = this.#wanted_s), { once: true });
    this.#tell.state("Loading …");
    if (play) this.play();
    media.addEventListener("sourceopen", () => this.#feed(mine, media, file).catch((error) => {
      if (mine === this.#session) this.#tell.state(error.message);
    }), { once: true });
  }

  // Appends file after file, as far ahead as is needed.
  async #feed(mine, media, first) {
    let type = null;
    for (let file = first; file && mine === this.#session; file = await this.#following(mine, file)) {
      this.#tell.file(file);
      for await (const part of partsOf(file)) {
        if (mine !== this.#session) return;
        if (type !== null && part.type !== type) return media.endOfStream(); // the rest is another film
        if (type === null) this.#buffer = this.#open(media, part.type);
        type = part.type;
        await this.#append(mine, part.bytes, file.start_unix_s - this.#base_unix_s);
        await this.#untilNeeded(mine);
      }
    }
    if (mine === this.#session && media.readyState === "open") media.endOfStream();
  }

  #open(media, type) {
    if (!MediaSource.isTypeSupported(type)) throw new Error(`This browser does not play ${type}; save the span as a file.`);
    return media.addSourceBuffer(type);
  }

  async #append(mine, bytes, offset_s) {
    const buffer = this.#buffer;
    for (;;) {
      if (mine !== this.#session) return;
      try {
        if (buffer.timestampOffset !== offset_s) buffer.timestampOffset = offset_s;
        buffer.appendBuffer(bytes);
        return await done(buffer);
      } catch (error) {
        if (error.name !== "QuotaExceededError") throw error;
        await this.#makeRoom(buffer);
        await rest(500);
      }
    }
  }

  async #makeRoom(buffer) {
    const end_s = this.#video.currentTime - BEHIND_S / 3;
    if (!buffer.buffered.length || buffer.buffered.start(0) >= end_s) return;
    buffer.remove(0, end_s);
    await done(buffer);
  }

  async #untilNeeded(mine) {
    while (mine === this.#session && this.#ahead_s > AHEAD_S * Math.max(1, this.#speed)) await rest(250);
    const buffer = this.#buffer;
    if (mine === this.#session && this.#video.currentTime - BEHIND_S > (buffer.buffered.length && buffer.buffered.start(0)) + BEHIND_S) {
      buffer.remove(0, this.#video.currentTime - BEHIND_S);
      await done(buffer);
    }
  }

  get #ahead_s() {
    const { buffered, currentTime } = this.#video;
    return buffered.length ? buffered.end(buffered.length - 1) - Math.max(currentTime, this.#wanted_s) : 0;
  }

  // The file after one; of the present it is waited for.
  async #following(mine, file) {
    for (;;) {
      const files = await this.#files(file.stream, file.end_unix_s - 0.5);
      const next = files.find((one) => one.start_unix_s > file.start_unix_s && one.id !== file.id);
      const isPresent = Date.now() / 1000 - file.end_unix_s < PRESENT_S;
      if (next || !isPresent || mine !== this.#session) return next ?? null;
      await rest(4000);
    }
  }

  async #files(stream, unix_s) {
    const query = new URLSearchParams({ streams: stream, since: unix_s, until: unix_s + FILES_S });
    return (await ask(`api/recordings?${query}`)).recordings;
  }

  #isBuffered(unix_s) {
    if (this.#base_unix_s === null) return false;
    const { buffered } = this.#video;
    const at_s = unix_s - this.#base_unix_s;
    for (let n = 0; n < buffered.length; n += 1) if (buffered.start(n) <= at_s && at_s < buffered.end(n) - 0.2) return true;
    return false;
  }

  // Where nothing was recorded there is nothing to wait for.
  #overGaps() {
    const { buffered, currentTime, paused } = this.#video;
    if (this.#base_unix_s === null || (paused && this.#video.readyState > 1)) return;
    const halted = this.#video.readyState < 3 && currentTime === this.#halted_s; // it halts a little before the end
    this.#halted_s = currentTime;
    for (let n = 0; n < buffered.length; n += 1) {
      if (buffered.start(n) <= currentTime + 0.1 && currentTime < buffered.end(n) - (halted ? 0.5 : 0.1)) return;
      if (buffered.start(n) > currentTime) {
        this.#video.currentTime = buffered.start(n) + 0.01;
        return;
      }
    }
  }
}

// Yields {bytes, type} of a file: part by part where the server has parts, else as it comes.
async function* partsOf({ id }) {
  for (let begin = 0, size = Infinity; begin < size; ) {
    const headers = { Range: `bytes=${begin}-${begin + PART_BYTES - 1}` };
    const response = await fetch(address(`api/recordings/${id}/media.mp4`), { headers, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) throw new Error((await response.json().catch(() => null))?.error ?? `the server answered ${response.status}`);
    const type = response.headers.get("Content-Type");
    if (response.status !== 206) {
      yield* whole(response, type);
      return;
    }
    size = Number(response.headers.get("Content-Range").split("/")[1]);
    const bytes = await response.arrayBuffer();
    begin += bytes.byteLength;
    yield { bytes, type };
  }
}

// All of a file that is made while it is sent is taken at once: the server waits for nobody.
async function* whole(response, type) {
  const waiting = [];
  const reader = response.body.getReader();
  let wake = () => {};
  let over = false;
  let failed = null;
  (async () => {
    try {
      for (let { value, done: end } = await reader.read(); !end; { value, done: end } = await reader.read()) {
        waiting.push(value);
        wake();
      }
    } catch (error) {
      failed = error;
    }
    over = true;
    wake();
  })();
  try {
    while (!over || waiting.length) {
      if (waiting.length) yield { bytes: waiting.shift(), type };
      else await new Promise((resolve) => (wake = resolve));
    }
    if (failed) throw failed;
  } finally {
    reader.cancel().catch(() => null);
  }
}

const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function done(buffer) {
  return new Promise((resolve, reject) => {
    buffer.addEventListener("updateend", resolve, { once: true });
    buffer.addEventListener("error", () => reject(new Error("This recording cannot be played.")), { once: true });
  });
}
