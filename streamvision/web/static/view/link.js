// The one connection over which all visible streams come: a WebSocket, or the same records over HTTP where a proxy
// refuses WebSockets.

import { Lateness, readRecord, RecordParser } from "./records.js";
import { now, Repeated } from "./repeated.js";

const HANDSHAKES = 2; // so many fail before it is done without
const HANDSHAKE_MS = 3000; // for the handshake and the first record
const REFUSED_S = 300; // after so long a WebSocket is tried again

export class LiveLink {
  #root;
  #wanted;
  #onRecord;
  #onRefused;
  #headers;
  #protocols;
  #socket = null; // once it is open
  #asked = "";
  #refused_at_s = -Infinity;
  #way = null;
  #repeated;

  // `root` is the server's address, which ends with a slash; `wanted()` gives the streams as {id, width_px, layer};
  // `onRecord(header, data, offset_s)` takes each record, with what the page's clock shows more than the server's;
  // `onChange` learns of the connection; `onRefused(status)` of an answer that forbids it; `headers` go with HTTP
  // requests, `protocols` with WebSockets.
  constructor({ root, wanted, onRecord, onChange = () => {}, onRefused = () => {}, headers = {}, protocols = [] }) {
    this.#root = root;
    this.#wanted = wanted;
    this.#onRecord = onRecord;
    this.#onRefused = onRefused;
    this.#headers = headers;
    this.#protocols = protocols;
    this.#repeated = new Repeated(
      (signal, alive) => this.#attempt(signal, alive),
      (change) => onChange(change),
    );
  }

  // "websocket" or "http", which carried the last record; null before the first.
  get way() {
    return this.#way;
  }

  get isOpen() {
    return this.#repeated.isOpen;
  }

  // Asks for what is wanted now: in the open connection where it is a WebSocket, else in a new one.
  watch() {
    const query = this.#query();
    if (this.isOpen && query === this.#asked) return;
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#asked = query;
      this.#socket.send(JSON.stringify(this.#wish()));
    } else {
      this.#repeated.open();
    }
  }

  close() {
    this.#repeated.close();
    this.#socket = null;
  }

  #wish() {
    const streams = this.#wanted();
    return {
      streams: streams.map(({ id }) => id).join(","),
      width: streams.map(({ width_px }) => width_px).join(","),
      layer: streams.map(({ layer }) => layer).join(","),
    };
  }

  #query() {
    return new URLSearchParams({ ...this.#wish(), results: 1 }).toString();
  }

  async #attempt(signal, alive) {
    this.#asked = this.#query();
    const address = new URL(`api/live?${this.#asked}`, this.#root);
    const take = this.#taker(alive);
    const tries = now() - this.#refused_at_s > REFUSED_S ? HANDSHAKES : 0;
    for (let n = 0; n < tries && !signal.aborted; n += 1) {
      if (await this.#overSocket(address, signal, take)) return;
    }
    if (signal.aborted) return;
    await this.#overHttp(address, signal, take, () => {
      if (tries) this.#refused_at_s = now(); // the server is there, but not by WebSocket
    });
  }

  // Takes {header, data} that came over a way.
  #taker(alive) {
    const lateness = new Lateness();
    return (record, way) => {
      this.#way = way;
      alive();
      lateness.of(record.header.sent_at_s, now());
      this.#onRecord(record.header, record.data, lateness.offset_s);
    };
  }

  // Returns, when the connection is over, whether a record has come; throws the server's sentence where it says why.
  #overSocket(address, signal, take) {
    const target = new URL(address);
    target.protocol = target.protocol.replace("http", "ws");
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(target, this.#protocols);
      let has_record = false;
      const end = ({ reason } = {}) => {
        clearTimeout(patience);
        signal.removeEventListener("abort", end);
        socket.onmessage = socket.onclose = null;
        socket.close();
        if (this.#socket === socket) this.#socket = null;
        if (has_record && reason) reject(new Error(reason));
        else resolve(has_record);
      };
      const patience = setTimeout(end, HANDSHAKE_MS);
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => {
        if (!has_record) {
          has_record = true;
          clearTimeout(patience);
          this.#socket = socket;
          if (this.#query() !== this.#asked) this.watch(); // it changed during the handshake
        }
        take(readRecord(new Uint8Array(data)), "websocket");
      };
      socket.onclose = end;
      signal.addEventListener("abort", end);
    });
  }

  async #overHttp(address, signal, take, onAnswer) {
    const response = await fetch(address, { signal, cache: "no-store", headers: this.#headers });
    if (!response.ok) {
      this.#onRefused(response.status);
      throw new Error((await response.json().catch(() => null))?.error ?? `the server answered ${response.status}`);
    }
    onAnswer();
    const parser = new RecordParser();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const record of parser.push(value)) take(record, "http");
    }
  }
}
