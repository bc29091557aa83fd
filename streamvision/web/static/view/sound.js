// Plays one stream's sound by WebCodecs and Web Audio, in time with its pictures.

import { now } from "./repeated.js";

const BEHIND_S = 0.06; // of the picture, so that sound is there when its turn comes
const APART_S = 0.12; // further apart from the picture, and it is put right
const EARLIEST_S = 0.01; // ahead of the audio clock
const LONGEST_QUEUE = 100; // packets that wait for the decoder
const MOST_AHEAD_S = 1;

export const canHear = () => typeof AudioDecoder === "function" && typeof AudioContext === "function";

export class Sound {
  #onFailed;
  #format = null; // {codec, sample_rate_hz, channels, description, generation}
  #context = null;
  #decoder = null;
  #ahead_s = null; // what the page's clock shows more than the clock of the pictures when they are shown
  #next_s = 0; // when the next piece begins, on the audio clock

  // `onFailed(sentence)` is told when the sound cannot be played.
  constructor({ onFailed }) {
    this.#onFailed = onFailed;
  }

  get isOn() {
    return this.#context !== null;
  }

  // Browsers let a page be heard only after somebody has clicked in it.
  turn(on) {
    if (on === this.isOn) return;
    if (on) {
      this.#context = new AudioContext({ latencyHint: "interactive" });
      this.#context.resume();
      this.#open();
    } else {
      this.#end();
      this.#context.close();
      this.#context = null;
    }
  }

  // Takes the format of the sound that comes, null where none does.
  begin(sound, generation) {
    this.#end();
    this.#format = sound && { ...sound, generation };
    this.#ahead_s = null;
    if (this.isOn) this.#open();
  }

  // Takes note that the picture of a time is shown now.
  follow(time_us) {
    this.#ahead_s = now() - time_us / 1e6;
  }

  take({ generation, time_us: timestamp }, data) {
    if (this.#decoder?.state !== "configured" || generation !== this.#format.generation) return;
    if (this.#decoder.decodeQueueSize > LONGEST_QUEUE) return;
    this.#decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, data }));
  }

  close() {
    this.turn(false);
    this.#format = null;
  }

  #open() {
    if (!this.#format) return;
    const { codec, sample_rate_hz: sampleRate, channels: numberOfChannels, description } = this.#format;
    const decoder = new AudioDecoder({
      output: (data) => this.#play(decoder, data),
      error: (error) => decoder === this.#decoder && this.#fail(error),
    });
    this.#decoder = decoder;
    try {
      const bytes = Uint8Array.from(atob(description ?? ""), (letter) => letter.charCodeAt(0));
      decoder.configure({ codec, sampleRate, numberOfChannels, ...(bytes.length && { description: bytes }) });
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail({ message }) {
    this.#onFailed(`The sound (${this.#format?.codec}) cannot be played: ${message}`);
  }

  #end() {
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = null;
    this.#next_s = 0;
  }

  #play(decoder, data) {
    const { numberOfChannels, numberOfFrames, sampleRate, timestamp } = data;
    try {
      if (decoder !== this.#decoder || this.#ahead_s === null || !numberOfFrames) return;
      const buffer = new AudioBuffer({ numberOfChannels, length: numberOfFrames, sampleRate });
      for (let n = 0; n < numberOfChannels; n += 1) {
        data.copyTo(buffer.getChannelData(n), { planeIndex: n, format: "f32-planar" });
      }
      this.#place(buffer, timestamp);
    } catch (error) {
      this.#fail(error);
    } finally {
      data.close();
    }
  }

  #place(buffer, time_us) {
    const clock_s = this.#context.currentTime;
    const latency_s = this.#context.outputLatency || this.#context.baseLatency || 0;
    const wanted_s = clock_s + this.#ahead_s + time_us / 1e6 - now() + BEHIND_S - latency_s;
    if (wanted_s > clock_s + MOST_AHEAD_S) return; // of another time than the pictures
    const isFluent = this.#next_s > clock_s && Math.abs(this.#next_s - wanted_s) < APART_S;
    const begin_s = isFluent ? this.#next_s : Math.max(wanted_s, clock_s + EARLIEST_S);
    this.#next_s = begin_s + buffer.duration;
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#context.destination);
    source.start(begin_s);
  }
}
