// Decodes one stream's packets by Media Source Extensions, where a page has no WebCodecs: it makes fragmented MP4 out of them.

import { configuration, taken } from "./annexb.js";
import { Failures } from "./failures.js";
import { fragment, initSegment, joined, TICKS_S } from "./mp4.js";
import { now } from "./repeated.js";

const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;
const EDGE_S = 0.12; // so far behind the newest packet it plays
const FAR_S = 1; // further behind, and it jumps
const KEPT_S = 4; // of what was played
const MOST_KEPT_S = 12;
const MOST_WAITING = 250; // packets, before those up to the next key frame are left out
const MOST_KNOWN = 250;

export const canPlay = () => Boolean(Source) && "requestVideoFrameCallback" in HTMLVideoElement.prototype;

export class MsePlayer {
  static means = "Media Source Extensions";
  #onPicture;
  #onFailed;
  #video;
  #format = null;
  #source = null;
  #buffer = null;
  #base_us = null; // the time of the first packet
  #last = { time_us: null, duration: TICKS_S / 25 };
  #sequence = 0;
  #waiting = []; // segments and fragments that are not in the buffer yet
  #awaits_key = true;
  #packets = new Map(); // by their time, of those that are not shown yet
  #failures = new Failures();

  // `onPicture(bitmap, packet)` must close the bitmap; `onFailed(sentence)` is told once when it goes on no more.
  constructor({ onPicture, onFailed }) {
    this.#onPicture = onPicture;
    this.#onFailed = onFailed;
    this.#video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true });
    this.#video.disableRemotePlayback = true; // without it Safari gives no managed source
    this.#video.addEventListener("error", () => this.#source && this.#onError(this.#video.error?.message || "no reason is given"));
    this.#video.requestVideoFrameCallback((_, frame) => this.#output(frame));
  }

  begin(format) {
    this.close();
    const { codec, reorders } = format;
    if (!/^(avc1|avc3|hev1|hvc1)\./.test(codec) || !Source.isTypeSupported(typeOf(codec))) {
      return this.#fail(`This browser does not play ${codec} by Media Source Extensions.`);
    }
    if (reorders) return this.#fail("By Media Source Extensions only video is played that comes in the order in which it is shown.");
    this.#format = format;
    this.#open();
  }

  take(packet, data) {
    if (packet.generation !== this.#format?.generation) return;
    if (this.#waiting.length > MOST_WAITING) this.#awaits_key = true;
    if (this.#awaits_key && !packet.is_key) return;
    if (this.#awaits_key && this.#waiting.length) this.#open(); // what waits is old
    this.#awaits_key = false;
    const { sample, sets } = taken(data, this.#format.codec);
    if (this.#base_us === null && !this.#beginSegment(packet, sets)) return;
    const time = packet.time_us - this.#base_us;
    if (this.#last.time_us !== null && packet.time_us > this.#last.time_us) {
      this.#last.duration = Math.min(packet.time_us - this.#last.time_us, TICKS_S);
    }
    this.#last.time_us = packet.time_us;
    if (time < 0) return;
    this.#packets.set(packet.time_us, packet);
    if (this.#packets.size > MOST_KNOWN) this.#packets.delete(this.#packets.keys().next().value);
    this.#waiting.push(fragment((this.#sequence += 1), { sample, isKey: packet.is_key, time, duration: this.#last.duration }));
    this.#append();
  }

  close() {
    this.#format = null;
    this.#end();
  }

  #open() {
    this.#end();
    const source = (this.#source = new Source());
    this.#video.src = URL.createObjectURL(source);
    source.addEventListener("sourceopen", () => {
      if (source !== this.#source) return;
      try {
        this.#buffer = source.addSourceBuffer(typeOf(this.#format.codec));
      } catch (error) {
        return this.#onError(error.message); // a browser has only so many
      }
      this.#buffer.addEventListener("updateend", () => source === this.#source && this.#append());
      this.#append();
    }, { once: true });
    this.#video.play().catch(() => null); // it is another source already
  }

  #end() {
    if (this.#source) URL.revokeObjectURL(this.#video.src);
    this.#source = this.#buffer = this.#base_us = null;
    this.#last = { time_us: null, duration: TICKS_S / 25 };
    this.#waiting = [];
    this.#awaits_key = true;
    this.#packets.clear();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #beginSegment(packet, sets) {
    const content = configuration(sets, this.#format.codec);
    if (!content) {
      this.#awaits_key = true; // one with its parameter sets
      return false;
    }
    this.#base_us = packet.time_us;
    this.#waiting.push(initSegment(this.#format, content));
    return true;
  }

  #append() {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.#video.error) return;
    this.#stayAtEdge();
    try {
      const { currentTime } = this.#video;
      if (buffer.buffered.length && currentTime - buffer.buffered.start(0) > MOST_KEPT_S) buffer.remove(0, currentTime - KEPT_S);
      else if (this.#waiting.length) buffer.appendBuffer(joined(this.#waiting.splice(0)));
    } catch (error) {
      this.#onError(error.message);
    }
  }

  // Plays a little faster or slower, so that it neither falls behind nor runs dry.
  #stayAtEdge() {
    const { buffered, currentTime } = this.#video;
    if (!buffered.length) return;
    const [begin_s, end_s] = [buffered.start(buffered.length - 1), buffered.end(buffered.length - 1)];
    const behind_s = end_s - currentTime;
    if (behind_s > FAR_S || currentTime < begin_s) this.#video.currentTime = Math.max(begin_s, end_s - EDGE_S);
    this.#video.playbackRate = behind_s > 2 * EDGE_S ? 1.1 : behind_s < EDGE_S / 2 ? 0.95 : 1;
    if (this.#video.paused) this.#video.play().catch(() => null);
  }

  async #output({ mediaTime }) {
    this.#video.requestVideoFrameCallback((_, frame) => this.#output(frame));
    const source = this.#source;
    if (this.#base_us === null) return;
    const packet = this.#packetAt(Math.round(mediaTime * 1e6) + this.#base_us);
    if (!packet) return;
    const bitmap = await createImageBitmap(this.#video).catch(() => null);
    if (bitmap && source === this.#source) this.#onPicture(bitmap, packet);
    else bitmap?.close();
  }

  // The packet of a picture, and forgets those before it.
  #packetAt(time_us) {
    for (const [known_us, packet] of this.#packets) {
      if (known_us > time_us + 1000) return null;
      this.#packets.delete(known_us);
      if (known_us >= time_us - 1000) return packet;
    }
    return null;
  }

  #onError(reason) {
    if (this.#failures.add(now())) return this.#fail(`The video could not be played: ${reason}`);
    if (this.#format) this.#open();
  }

  #fail(sentence) {
    this.close();
    this.#failures.forget();
    this.#onFailed(sentence);
  }
}

const typeOf = (codec) => `video/mp4; codecs="${codec}"`;
