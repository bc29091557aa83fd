// One connection to a server for all elements of a page that show its streams with the same token.

import { notAStream, Server } from "./server-faults.js";
import { LiveLink } from "./link.js";

const LOOK_AGAIN_MS = 5000; // after so long the server is asked again how its streams are
const PROTOCOL = "streamvision.live";
const links = new Map(); // by server and token

// Shows a stream to `viewer` from now on: {stream, width_px, layer, take(header, data, offset_s), connected(way),
// failed(reason), told(status)}. Returns what it leaves with.
export function joinLink(root, token, viewer) {
  const key = `${root} ${token}`;
  if (!links.has(key)) links.set(key, new SharedLink(root, token, () => links.delete(key)));
  const link = links.get(key);
  link.add(viewer);
  return {
    watch: () => link.watch(),
    look: () => link.look(),
    leave: () => link.remove(viewer),
  };
}

class SharedLink {
  #server;
  #link;
  #onEmpty;
  #viewers = new Set();
  #asked = new Set(); // ids of the streams that come
  #anew = new Set(); // of those that begin anew, since a viewer has come who cannot show them from the middle on
  #absent = new Set(); // ids of streams that the server does not have, or does not show
  #connected = false;
  #watching = null;
  #looked_at_ms = -Infinity;
  #again = null;

  constructor(root, token, onEmpty) {
    this.#server = new Server(root, token);
    this.#onEmpty = onEmpty;
    this.#link = new LiveLink({
      root,
      wanted: () => this.#wanted(),
      onRecord: (header, data, offset_s) => this.#take(header, data, offset_s),
      onChange: (change) => this.#change(change),
      headers: this.#server.headers,
      protocols: token ? [PROTOCOL, `token.${token}`] : [PROTOCOL],
    });
  }

  add(viewer) {
    this.#viewers.add(viewer);
    if (this.#connected) viewer.connected(this.#link.way);
    if (this.#asked.has(viewer.stream)) this.#anew.add(viewer.stream);
    this.watch();
  }

  remove(viewer) {
    this.#viewers.delete(viewer);
    this.watch();
  }

  // Asks for what is wanted now, once for all that changes at the same time.
  watch() {
    this.#watching ??= setTimeout(() => {
      this.#watching = null;
      const streams = new Set([...this.#viewers].map(({ stream }) => stream));
      for (const id of this.#absent) if (!streams.has(id)) this.#absent.delete(id);
      if (this.#anew.size) this.#ask(); // without them
      this.#anew.clear();
      if (this.#ask()) return;
      this.#connected = false;
      if (this.#viewers.size) return;
      clearTimeout(this.#again);
      this.#onEmpty();
    }, 0);
  }

  // Asks for what is wanted; returns whether anything is.
  #ask() {
    const wanted = this.#wanted();
    this.#asked = new Set(wanted.map(({ id }) => id));
    if (wanted.length) this.#link.watch();
    else this.#link.close();
    return wanted.length > 0;
  }

  // Asks the server how its streams are, and tells the viewers.
  async look(why = "") {
    if (performance.now() - this.#looked_at_ms < LOOK_AGAIN_MS && !why) return;
    this.#looked_at_ms = performance.now();
    const { streams, reason } = await this.#server.streams();
    const before = [...this.#absent].join("\n");
    for (const viewer of this.#viewers) {
      const status = streams?.find(({ id }) => id === viewer.stream);
      if (streams) this.#absent[status ? "delete" : "add"](viewer.stream);
      if (reason || !status) viewer.failed(reason ?? notAStream(viewer.stream, streams));
      else if (why) viewer.failed(why);
      else viewer.told(status);
    }
    if ([...this.#absent].join("\n") !== before) this.watch();
    clearTimeout(this.#again);
    if (this.#absent.size) this.#again = setTimeout(() => this.look(), LOOK_AGAIN_MS + 1);
  }

  // Each stream once: as wide as the widest viewer wants it, and as the least able one can show it.
  #wanted() {
    const wanted = new Map();
    for (const { stream: id, width_px, layer } of this.#viewers) {
      if (this.#absent.has(id) || this.#anew.has(id)) continue;
      const other = wanted.get(id);
      wanted.set(id, {
        id,
        width_px: Math.max(width_px, other?.width_px ?? 0),
        layer: [layer, other?.layer].find((one) => one && one !== "auto") ?? "auto",
      });
    }
    return [...wanted.values()];
  }

  #take(header, data, offset_s) {
    for (const viewer of this.#viewers) if (viewer.stream === header.stream) viewer.take(header, data, offset_s);
  }

  #change({ connected, why }) {
    this.#connected = connected;
    if (connected) for (const viewer of this.#viewers) viewer.connected(this.#link.way);
    else this.look(why);
  }
}
