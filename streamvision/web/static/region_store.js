// Where the regions of a stream are kept: lines and zones with its analytics, masks with its settings.

import { ask, streamPath } from "./server.js";

export class RegionStore {
  #analytics;
  #settings;

  constructor(id) {
    this.#analytics = `api/${streamPath(id)}/analytics`;
    this.#settings = `api/${streamPath(id)}`;
  }

  // {config, classes, lasting}: what there is, and whether a change outlives the program. Where nothing lasts there are
  // no masks either.
  async load() {
    const [{ config, classes }, masks] = await Promise.all([ask(this.#analytics), this.masks()]);
    return { config: { ...config, masks: masks ?? [] }, classes, lasting: masks !== null };
  }

  // The masks alone; null where nothing lasts.
  async masks() {
    const settings = await ask(`${this.#settings}/config`).catch((error) => {
      if (error.status === 404) return null;
      throw error;
    });
    return settings && (settings.ignore ?? []).map((points, at) => ({ name: `mask ${at + 1}`, points }));
  }

  // Sends what differs; returns what the server made of it.
  async save(wanted, before) {
    if (differs(wanted.masks, before.masks)) {
      const ignore = wanted.masks.map((mask) => mask.points);
      await ask(this.#settings, { method: "PATCH", body: { ignore: ignore.length ? ignore : null } });
    }
    const { masks, ...analytics } = wanted;
    const { masks: _, ...former } = before;
    if (!differs(analytics, former)) return wanted;
    const { config } = await ask(this.#analytics, { method: "POST", body: analytics });
    return { ...config, masks };
  }

  yaml() {
    return ask(`${this.#analytics}?form=yaml`);
  }
}

const differs = (one, other) => JSON.stringify(one) !== JSON.stringify(other);
