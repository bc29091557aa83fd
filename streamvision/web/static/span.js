// The span that is chosen: saved as a film, kept for good, or removed.

import { find, say } from "./dom.js";
import { duration } from "./format.js";
import { address, ask } from "./server.js";
import { fromLocalTime, localTime } from "./timescale.js";

export class SpanPanel {
  #tell;
  #stream = null;
  #span = null; // {since, until}
  #name = (stream) => stream;

  // `tell` has: chosen(span), changed().
  constructor(tell, nameOf) {
    this.#tell = tell;
    this.#name = nameOf;
    for (const input of [find("span-since"), find("span-until")]) input.addEventListener("change", () => this.#typed());
    find("annotated").addEventListener("change", () => this.#show());
    find("export").addEventListener("click", (event) => {
      if (!this.ready) event.preventDefault();
      else say(find("span-said"), "The film is made while it is downloaded.");
    });
    find("keep")?.addEventListener("click", () => this.#change("keep", { kept: true }));
    find("unkeep")?.addEventListener("click", () => this.#change("keep", { kept: false }));
    find("remove")?.addEventListener("click", () => this.#remove());
    this.#show();
  }

  get ready() {
    return this.#stream !== null && this.#span !== null && this.#span.since < this.#span.until;
  }

  get span() {
    return this.#span;
  }

  of(stream) {
    this.#stream = stream;
    this.#show();
  }

  choose(span) {
    this.#span = span;
    say(find("span-said"), "");
    this.#show();
    this.#tell.chosen(span);
  }

  // One of its ends is at a moment; the other follows where it must.
  end(which, unix_s) {
    const other = this.#span ?? { since: unix_s - 10, until: unix_s + 10 };
    const span = { ...other, [which]: unix_s };
    if (span.since >= span.until) span[which === "since" ? "until" : "since"] = unix_s + (which === "since" ? 10 : -10);
    this.choose(span);
  }

  #typed() {
    const [since, until] = [fromLocalTime(find("span-since").value), fromLocalTime(find("span-until").value)];
    if (since !== null && until !== null) this.choose({ since, until });
  }

  #show() {
    const span = this.#span;
    if (span) {
      find("span-since").value = localTime(span.since);
      find("span-until").value = localTime(span.until);
    }
    for (const id of ["keep", "unkeep", "remove"]) if (find(id)) find(id).disabled = !this.ready;
    find("export").setAttribute("aria-disabled", String(!this.ready));
    find("span-words").textContent = this.#words();
    if (!this.ready) return find("export").removeAttribute("href");
    const query = new URLSearchParams({ ...this.#body, annotated: find("annotated").checked ? "1" : "0" });
    find("export").href = address(`api/recordings/export.mp4?${query}`);
    find("export").download = "";
  }

  #words() {
    if (!this.#span) return "Choose a span on the timeline: drag with Shift, or set its ends where you are.";
    if (this.#stream === null) return "Choose a camera.";
    if (!this.ready) return "It ends before it begins.";
    return `${duration(this.#span.until - this.#span.since)} of ${this.#name(this.#stream)}.`;
  }

  get #body() {
    return { stream: this.#stream, ...this.#span };
  }

  async #change(what, more = {}) {
    try {
      const { files } = await ask(`api/recordings/${what}`, { method: "POST", body: { ...this.#body, ...more } });
      const did = { true: "kept for good", false: "kept no longer than others", undefined: "removed" }[more.kept];
      say(find("span-said"), files ? `${files} file${files === 1 ? "" : "s"} ${did}.` : "Nothing was recorded in it.");
      this.#tell.changed();
    } catch (error) {
      say(find("span-said"), error.message, true);
    }
  }

  async #remove() {
    const sure = find("sure");
    find("sure-words").textContent = `Remove ${duration(this.#span.until - this.#span.since)} of ${this.#name(this.#stream)}?`;
    sure.returnValue = "no";
    sure.showModal();
    await new Promise((resolve) => sure.addEventListener("close", resolve, { once: true }));
    if (sure.returnValue === "yes") await this.#change("remove");
  }
}
