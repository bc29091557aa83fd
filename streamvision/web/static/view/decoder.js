// Decodes one stream's packets by WebCodecs.

import { Failures } from "./failures.js";
import { now } from "./repeated.js";

const LONGEST_QUEUE = 60; // packets that wait for the decoder, before those up to the next key frame are left out
const LONGEST_S = 0.4; // that a packet may be in the decoder, before the same
const CATCHING_UP_S = 5; // for what was sent before this page came, up to the present picture
const MOST_KNOWN = 120; // packets that are in the decoder, or lost in it

export const canDecode = () => typeof VideoDecoder === "function" && typeof EncodedVideoChunk === "function";

export class PictureDecoder {
  static means = "WebCodecs";
  #onPicture;
  #onFailed;
  #decoder = null;
  #config = null;
  #generation = null;
  #awaits_key = true;
  #catches_up_until_s = -Infinity;
  #packets = new Map(); // by their time, of those that are in the decoder
  #early = []; // what came while it was asked whether the format is known
  #failures = new Failures();

  // `onPicture(frame, packet)` must close the frame; `onFailed(sentence)` is told once when it goes on no more.
  constructor({ onPicture, onFailed }) {
    this.#onPicture = onPicture;
    this.#onFailed = onFailed;
  }

  // Begins anew; what is still in the decoder belongs to what was before.
  async begin(format) {
    this.close();
    const { codec, generation } = format;
    this.#generation = generation;
    const config = { codec, codedWidth: format.width_px, codedHeight: format.height_px, optimizeForLatency: !format.reorders };
    const begun = (this.#early = []);
    const { supported } = await VideoDecoder.isConfigSupported(config).catch(() => ({ supported: false }));
    if (this.#early !== begun) return; // closed, or begun anew, meanwhile
    this.#early = null;
    if (!supported) return this.#fail(`This browser does not decode ${codec} of ${format.width_px} × ${format.height_px} pixels.`);
    this.#config = config;
    this.#open();
    for (const { packet, data } of begun) this.take(packet, data);
  }

  take(packet, data) {
    if (packet.generation !== this.#generation) return;
    if (this.#early) {
      if (packet.is_key) this.#early.length = 0;
      if (packet.is_key || this.#early.length) this.#early.push({ packet, data });
      return;
    }
    if (!this.#decoder) return;
    if (this.#isBehind) {
      if (packet.is_key) this.#open(); // what waits is old
      this.#awaits_key = true;
    }
    if (this.#awaits_key && !packet.is_key) return;
    const isOld = now() - packet.captured_s > LONGEST_S;
    if (this.#awaits_key && isOld) this.#catches_up_until_s = now() + CATCHING_UP_S;
    else if (!isOld && this.#decoder.decodeQueueSize === 0) this.#catches_up_until_s = -Infinity;
    this.#awaits_key = false;
    this.#packets.set(packet.time_us, { packet, given_s: now() });
    if (this.#packets.size > MOST_KNOWN) this.#packets.delete(this.#packets.keys().next().value);
    try {
      this.#decoder.decode(new EncodedVideoChunk({ type: packet.is_key ? "key" : "delta", timestamp: packet.time_us, data }));
    } catch (error) {
      this.#onError(this.#decoder, error);
    }
  }

  close() {
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = this.#config = this.#generation = null;
    this.#early = null;
    this.#packets.clear();
  }

  // Whether this machine cannot decode as fast as pictures come. Those that came before it did come at once, and the next
  // key frame may be many seconds away.
  get #isBehind() {
    if (now() < this.#catches_up_until_s) return false;
    const [oldest] = this.#packets.values();
    const { decodeQueueSize: waiting } = this.#decoder;
    return waiting > LONGEST_QUEUE || (waiting > 0 && oldest !== undefined && now() - oldest.given_s > LONGEST_S);
  }

  #open() {
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#packets.clear();
    this.#awaits_key = true;
    const decoder = new VideoDecoder({
      output: (frame) => this.#output(decoder, frame),
      error: (error) => this.#onError(decoder, error),
    });
    this.#decoder = decoder;
    decoder.configure(this.#config);
  }

  #output(decoder, frame) {
    const known = this.#packets.get(frame.timestamp);
    for (const time_us of this.#packets.keys()) if (time_us <= frame.timestamp) this.#packets.delete(time_us); // or it is lost
    if (decoder !== this.#decoder || !known) return frame.close();
    this.#onPicture(frame, known.packet);
  }

  #onError(decoder, error) {
    if (decoder !== this.#decoder) return;
    if (this.#failures.add(now())) return this.#fail(`The video could not be decoded: ${error.message}`);
    this.#open();
  }

  #fail(sentence) {
    this.close();
    this.#failures.forget();
    this.#onFailed(sentence);
  }
}
