// What the labelling page asks of the server. Decisions go out one after the other, and are tried again until they arrive.

import { ask, Refused } from "./server.js";

const AGAIN_MS = 3000;
const CONFLICT = 409;
const GONE = 404;
const SERVER_FAULT = 500;

export const overview = (by) => ask(`api/label?${new URLSearchParams({ by })}`);
export const putBack = (name) => ask(`${pathOf(name)}/put-back`, { method: "POST", body: {} });

export const details = (name, by) => ask(`${pathOf(name)}?${new URLSearchParams({ by })}`);
export const pixels = (name) => ask(`${pathOf(name)}/picture.jpg`); // as a Blob

// Others may have the picture that this page had; also while it is being closed.
export const letGo = (by) => ask("api/label/let-go", { method: "POST", body: { by }, keepalive: true }).catch(() => {}); // else it is free in three minutes

export class Outbox {
  #drafts;
  #told;
  #isSending = false;
  #trouble = null;
  #timer = null;

  // `told`: {saved(decision, answer), conflict(decision, sentence), refused(decision, sentence), changed()}.
  constructor(drafts, told) {
    this.#drafts = drafts;
    this.#told = told;
    addEventListener("online", () => this.#send());
  }

  // How many decisions the server does not have.
  get waiting() {
    return this.#drafts.decisions.length;
  }

  // Why they wait, in a sentence, or null.
  get trouble() {
    return this.#trouble;
  }

  put(decision) {
    this.#drafts.put(decision);
    return this.#send();
  }

  // Sends what waits; resolves once nothing more can be sent for now.
  async #send() {
    clearTimeout(this.#timer);
    if (this.#isSending) return;
    this.#isSending = true;
    this.#told.changed();
    try {
      for (let [decision] = this.#drafts.decisions; decision; [decision] = this.#drafts.decisions) {
        if (!(await this.#sendOne(decision))) break;
      }
    } finally {
      this.#isSending = false;
    }
    if (this.waiting) this.#timer = setTimeout(() => this.#send(), AGAIN_MS);
    this.#told.changed();
  }

  begin() {
    return this.#send();
  }

  async #sendOne(decision) {
    const { name, kind, version, marks } = decision;
    const boxes = marks?.map(({ className, box }) => ({ class_name: className, box_xyxy_px: box }));
    try {
      const answer = await ask(`${pathOf(name)}/${kind}`, { method: "POST", body: kind === "accept" ? { version, boxes } : { version } });
      this.#trouble = null;
      this.#done(decision, answer.version);
      this.#told.saved(decision, answer);
      return true;
    } catch (error) {
      const isFinal = error instanceof Refused && error.status < SERVER_FAULT && error.status !== 401;
      if (!isFinal) {
        this.#trouble = error instanceof Refused ? error.message : "the server cannot be reached";
        return false;
      }
      this.#done(decision);
      if (kind === "refuse" && error.status === GONE) this.#told.saved(decision, null); // somebody has done it already
      else if (error.status === CONFLICT) this.#told.conflict(decision, error.message);
      else this.#told.refused(decision, error.message);
      return true;
    }
  }

  // A newer decision on the same picture, made while this one was under way, stays, and goes on from it.
  #done(decision, version = null) {
    const newest = this.#drafts.decisions.find(({ name }) => name === decision.name);
    if (JSON.stringify(newest) === JSON.stringify(decision)) this.#drafts.drop(decision.name);
    else if (newest && version) this.#drafts.put({ ...newest, version });
  }
}

const pathOf = (name) => `api/label/pictures/${encodeURIComponent(name)}`;
