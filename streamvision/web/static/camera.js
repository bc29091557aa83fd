// The dialog in which a camera is added, changed and removed.

import { find } from "./dom.js";
import { DRAWN, Fields, FILM, FOUND, KEPT } from "./fields.js";
import { finder } from "./finder.js";
import { ask, streamPath } from "./server.js";
import { StepsEditor } from "./steps.js";

const AS_ALL = "as for all cameras";

export class CameraDialog {
  #dialog = find("camera");
  #form = find("camera-form");
  #found = new Fields(find("camera-found"), FOUND, { optional: AS_ALL });
  #film = new Fields(find("camera-film"), FILM);
  #kept = new Fields(find("camera-kept"), KEPT, { optional: AS_ALL });
  #drawn = new Fields(find("camera-drawn"), DRAWN);
  #own = find("camera-own"); // whether it says itself what is drawn
  #steps = new StepsEditor(find("camera-step-list"));
  #ownSteps = find("camera-own-steps"); // whether it says itself how objects are found without a network
  #stepsOf = new Map(); // name of a model -> its steps; null where it is a network
  #id = null; // of the camera that is changed; null: a new one
  #shown = {};

  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#during(find("camera-save"), () => this.#save());
    });
    find("camera-cancel").addEventListener("click", () => this.#dialog.close());
    find("try").addEventListener("click", () => this.#during(find("try"), () => this.#try()));
    find("camera-remove").addEventListener("click", () => this.#during(find("camera-remove"), () => this.#remove()));
    this.#dialog.addEventListener("close", () => this.#forgetPicture());
    this.#own.addEventListener("change", () => this.#showOwn());
    this.#ownSteps.addEventListener("change", () => this.#offerSteps());
    this.#field("model").addEventListener("change", () => this.#offerSteps());
    finder((found) => this.#take(found));
  }

  // Opens it for a new camera, or for the one with an id.
  async open(id = null) {
    this.#id = id;
    this.#form.reset();
    this.#forgetPicture();
    this.#wrong("");
    find("camera-title").textContent = id === null ? "Add a camera" : `Settings of ${id}`;
    find("camera-save").textContent = id === null ? "Add" : "Save";
    find("camera-remove").hidden = id === null;
    find("camera-id").hidden = id !== null;
    find("camera-enabled").hidden = id === null;
    try {
      const config = id === null ? {} : ask(`api/${streamPath(id)}/config`);
      this.#fill(...(await Promise.all([ask("api/models"), ask("api/settings"), ask("api/steps"), config])));
    } catch (error) {
      this.#wrong(error.message);
    }
    this.#dialog.showModal(); // not before: what is typed is not to be filled over
  }

  #fill({ models }, settings, { steps }, config) {
    this.#shown = config;
    const named = models.filter((model) => model.name !== null && !model.default);
    const usual = models.find((model) => model.default);
    this.#field("model").replaceChildren(new Option(usual ? `the usual one (${usual.name ?? fileName(usual.path)})` : "the usual one", ""));
    for (const { name } of named) this.#field("model").append(new Option(name, name));
    this.#field("source").value = [config.source ?? ""].flat().join(" ");
    this.#field("source").readOnly = Array.isArray(config.source); // several files are one stream; a line cannot say that
    this.#field("name").value = config.name ?? "";
    if (config.name) find("camera-title").textContent = `Settings of ${config.name}`;
    this.#field("model").value = config.model ?? "";
    this.#field("enabled").checked = config.enabled ?? true;
    this.#field("detect").checked = config.detect ?? true;
    this.#found.show(config);
    this.#film.show(config);
    this.#kept.show(config);
    this.#own.checked = Boolean(config.overlay);
    this.#drawn.show({ overlay: { ...settings.overlay, ...config.overlay } }); // what is left out is as for all
    this.#showOwn();
    this.#steps.kinds = steps;
    this.#stepsOf = new Map(models.map((model) => [model.name ?? "", model.steps]));
    this.#ownSteps.checked = Boolean(config.steps);
    this.#offerSteps();
  }

  // Steps are for a model without a network; they begin as that has them.
  #offerSteps() {
    const usual = this.#stepsOf.get(this.#field("model").value) ?? null;
    find("camera-steps").hidden = usual === null && !this.#ownSteps.checked;
    find("camera-step-list").hidden = !this.#ownSteps.checked;
    this.#steps.show(this.#shown.steps ?? usual ?? []);
  }

  #showOwn() {
    find("camera-drawn").hidden = !this.#own.checked;
  }

  // Takes an address, and a name for it, that were found in the network.
  #take({ source, name }) {
    this.#field("source").value = source;
    if (!this.#field("name").value) this.#field("name").value = name;
    this.#field("source").focus();
  }

  get #patch() {
    const typed = (name) => this.#field(name).value.trim() || null;
    const wanted = { name: typed("name"), model: typed("model"), enabled: this.#field("enabled").checked, detect: this.#field("detect").checked };
    if (!this.#field("source").readOnly) wanted.source = typed("source");
    const before = { name: null, model: null, enabled: true, detect: true, source: null, ...this.#shown };
    const changed = Object.fromEntries(Object.entries(wanted).filter(([key, value]) => value !== before[key]));
    const drawn = this.#shown.overlay ? this.#drawn.patch.overlay : this.#drawn.values.overlay;
    const overlay = this.#own.checked ? drawn : null;
    const redrawn = overlay !== undefined && (overlay !== null || this.#shown.overlay);
    const steps = this.#ownSteps.checked ? this.#steps.value : null;
    const refound = JSON.stringify(steps) !== JSON.stringify(this.#shown.steps ?? null);
    const sections = { ...this.#found.patch, ...this.#film.patch, ...this.#kept.patch };
    return { ...changed, ...sections, ...(redrawn && { overlay }), ...(refound && { steps }) };
  }

  async #save() {
    if (this.#id !== null) await ask(`api/${streamPath(this.#id)}`, { method: "PATCH", body: this.#patch });
    else await ask("api/streams", { method: "POST", body: { ...this.#patch, ...(this.#field("id").value && { id: this.#field("id").value }) } });
    this.#dialog.close();
  }

  async #remove() {
    if (!(await this.#sure())) return;
    await ask(`api/${streamPath(this.#id)}`, { method: "DELETE" });
    this.#dialog.close();
  }

  #sure() {
    const sure = find("sure");
    find("sure-words").textContent = `Remove ${this.#shown.name ?? this.#id}?`;
    sure.returnValue = "no";
    sure.showModal();
    return new Promise((resolve) => sure.addEventListener("close", () => resolve(sure.returnValue === "yes"), { once: true }));
  }

  async #try() {
    this.#forgetPicture();
    if (!this.#field("source").reportValidity()) return;
    find("try-words").textContent = "Waiting for its first picture …";
    const source = this.#shown.source && this.#field("source").readOnly ? this.#shown.source : this.#field("source").value.trim();
    try {
      const picture = await ask("api/streams/test-picture", { method: "POST", body: { source, ...(this.#id && { id: this.#id }) } });
      find("tried").src = URL.createObjectURL(picture);
      find("tried").hidden = false;
      find("try-words").textContent = "This is what it shows.";
    } catch (error) {
      find("try-words").textContent = "";
      throw error;
    }
  }

  #forgetPicture() {
    URL.revokeObjectURL(find("tried").src);
    find("tried").removeAttribute("src");
    find("tried").hidden = true;
    find("try-words").textContent = "";
  }

  // Does something that takes a while; what is refused is said.
  async #during(button, act) {
    button.disabled = true;
    this.#wrong("");
    try {
      await act();
    } catch (error) {
      this.#wrong(error.message);
    }
    button.disabled = false;
  }

  #wrong(sentence) {
    find("camera-wrong").textContent = sentence;
  }

  #field(name) {
    return this.#form.elements[name];
  }
}

const fileName = (path) => path.split("/").at(-1);
