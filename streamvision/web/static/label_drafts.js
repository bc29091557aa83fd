// What this browser keeps of work that the server does not have: changes of pictures that were not accepted yet, and
// decisions that could not be sent. A closed tab or a lost connection then loses nothing.

import { recall, remember } from "./kept.js";

const MOST_DRAFTS = 50;
const MOST_DECISIONS = 500;

export class Drafts {
  #key;

  // `folder`: which folder of the server it is about.
  constructor(folder) {
    this.#key = `label:${folder}`;
  }

  // What somebody has marked on a picture of this version; null where nothing is kept.
  marks(name, version) {
    const draft = this.#read().drafts[name];
    return draft?.version === version ? draft.marks : null;
  }

  keep(name, version, marks) {
    const { drafts, decisions } = this.#read();
    delete drafts[name]; // the newest stands last
    const kept = Object.entries({ ...drafts, [name]: { version, marks } }).slice(-MOST_DRAFTS);
    this.#write({ drafts: Object.fromEntries(kept), decisions });
  }

  forget(name) {
    const { drafts, decisions } = this.#read();
    if (!(name in drafts)) return;
    delete drafts[name];
    this.#write({ drafts, decisions });
  }

  // Decisions that wait for the server, the oldest first: {name, kind, version, marks}.
  get decisions() {
    return this.#read().decisions;
  }

  // Whether there is room for one more, or for another one on the same picture.
  put(decision) {
    const { drafts, decisions } = this.#read();
    const others = decisions.filter(({ name }) => name !== decision.name);
    this.#write({ drafts, decisions: [...others, decision].slice(-MOST_DECISIONS) });
  }

  drop(name) {
    const { drafts, decisions } = this.#read();
    this.#write({ drafts, decisions: decisions.filter((decision) => decision.name !== name) });
  }

  #read() {
    try {
      const { drafts, decisions } = JSON.parse(recall(this.#key, null, "{}"));
      return { drafts: drafts ?? {}, decisions: Array.isArray(decisions) ? decisions : [] };
    } catch {
      return { drafts: {}, decisions: [] };
    }
  }

  #write(kept) {
    remember(this.#key, JSON.stringify(kept));
  }
}

// The same for as long as the tab is there, so that a page that is loaded again finds its own picture not taken.
export function ownId() {
  const fresh = crypto.getRandomValues(new Uint32Array(2)).join("-");
  try {
    return (sessionStorage["label-by"] ??= fresh);
  } catch {
    return fresh; // a browser that keeps nothing for this page
  }
}
