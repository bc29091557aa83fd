// Reads /api/live: one JSON line for each record, and the bytes that it announces right behind it.

const NEWLINE = 10;
const MOST_BYTES = 1 << 26; // of a record
const words = new TextDecoder();

// How many bytes follow a record's line: pictures say so in a field of their own.
const payloadBytes = (header) => header.bytes ?? header.jpeg_bytes ?? 0;

// Reads a record that came as a message of its own.
export function readRecord(message) {
  const newline = message.indexOf(NEWLINE);
  return { header: JSON.parse(words.decode(message.subarray(0, newline))), data: message.subarray(newline + 1) };
}

export class RecordParser {
  #buffer = new Uint8Array(1 << 18);
  #begin = 0;
  #end = 0;
  #header = null;

  // Takes the next chunk from the network; yields each complete record as {header, data}.
  *push(chunk) {
    this.#append(chunk);
    for (;;) {
      if (!this.#header) {
        const newline = this.#buffer.subarray(this.#begin, this.#end).indexOf(NEWLINE);
        if (newline < 0) return;
        this.#header = JSON.parse(words.decode(this.#take(newline + 1)));
      }
      const length = payloadBytes(this.#header);
      if (this.#end - this.#begin < length) return;
      const header = this.#header;
      this.#header = null;
      yield { header, data: this.#take(length).slice() };
    }
  }

  #take(length) {
    this.#begin += length;
    return this.#buffer.subarray(this.#begin - length, this.#begin);
  }

  #append(chunk) {
    const held = this.#end - this.#begin;
    if (held + chunk.length > MOST_BYTES) throw new Error("a record has no end");
    if (this.#end + chunk.length > this.#buffer.length) {
      const roomy = held + chunk.length > this.#buffer.length / 2;
      const target = roomy ? new Uint8Array(2 * (held + chunk.length)) : this.#buffer;
      target.set(this.#buffer.subarray(this.#begin, this.#end));
      this.#buffer = target;
      this.#begin = 0;
      this.#end = held;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }
}

// How much longer than the quickest a record was under way, in seconds. The server's clock and ours differ by an unknown
// offset; the quickest record of the last one to two minutes tells it, and all others are late by what exceeds it.
export class Lateness {
  #window_s = 60;
  #begun_s = -Infinity;
  #previous_s = Infinity;
  #quickest_s = Infinity;

  of(sent_at_s, now_s) {
    if (!Number.isFinite(sent_at_s)) return 0;
    if (now_s - this.#begun_s > this.#window_s) {
      [this.#previous_s, this.#quickest_s, this.#begun_s] = [this.#quickest_s, Infinity, now_s];
    }
    this.#quickest_s = Math.min(this.#quickest_s, now_s - sent_at_s);
    return now_s - sent_at_s - this.offset_s;
  }

  // What our clock shows more than the server's, and the quickest record's way.
  get offset_s() {
    return Math.min(this.#quickest_s, this.#previous_s);
  }
}
