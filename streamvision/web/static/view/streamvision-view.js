// <streamvision-view src="https://cams.example:8080" stream="gate" token="..."></streamvision-view>: a live stream with what
// was found on it, in any page.

import { LivePicture } from "./live-picture.js";
import { now } from "./repeated.js";
import { MODES } from "./schedule.js";
import { checkToken, rootOf } from "./server-faults.js";
import { joinLink } from "./shared-link.js";
import { styleOf, usualStyle } from "./style.js";
import { ViewControls } from "./view-controls.js";
import { viewStyle } from "./view-style.js";

const TICK_MS = 500;
const STALE_S = 3; // after so long without a picture the server is asked why
const LEAST_WIDTH_PX = 64;
const SWITCHES = { labels: null, trails: null, muted: true, controls: false }; // with what holds where they are absent
const TEXTS = { src: "src", stream: "stream", mode: "mode", fit: "fit", styleName: "style-name" };

export class StreamVisionView extends (globalThis.HTMLElement ?? class {}) {
  static observedAttributes = ["token", "aria-label", ...Object.values(TEXTS), ...Object.keys(SWITCHES)];

  #stage = document.createElement("div");
  #picture = document.createElement("canvas");
  #overlay = document.createElement("canvas");
  #message = document.createElement("p");
  #controls = new ViewControls(this);
  #live = null; // the picture's decoder, while the element is in a page
  #link = null; // while pictures come
  #joining = false;
  #token = null;
  #paused = false;
  #inSight = false;
  #state = { state: "idle", reason: "" };
  #told = null; // what the server said last of the stream
  #shownAt_s = 0;
  #way = null;
  #timer = null;
  #sight = null; // sees whether the element is on the screen
  #size = null; // sees how large it is

  constructor() {
    super();
    this.#stage.className = "stage";
    this.#stage.part = "stage";
    this.#picture.part = "picture";
    this.#picture.setAttribute("role", "img");
    this.#overlay.className = "overlay";
    this.#overlay.part = "overlay";
    this.#overlay.setAttribute("aria-hidden", "true");
    this.#message.className = "message";
    this.#message.part = "message";
    this.#message.setAttribute("role", "status");
    this.#stage.append(this.#picture, this.#overlay, this.#controls.element, this.#message);
    this.#picture.addEventListener("click", (event) => this.#click(event));
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [viewStyle()];
    shadow.append(this.#stage);
  }

  // --- what a page sets and asks ------------------------------------------------------------------------------------

  // The token, which need not stand in the document.
  get token() {
    return this.#token ?? this.getAttribute("token") ?? "";
  }

  set token(token) {
    this.#token = token === null || token === undefined ? null : String(token);
    this.#joinAnew();
  }

  // "idle", "connecting", "live", "waiting", "paused" or "failed".
  get state() {
    return this.#state.state;
  }

  // Why it is in that state, in a sentence; often empty.
  get reason() {
    return this.#state.reason;
  }

  get paused() {
    return this.#paused;
  }

  // Lets pictures come again.
  play() {
    this.#paused = false;
    this.#update();
  }

  // Lets no more pictures come; the last one stays.
  pause() {
    this.#paused = true;
    this.#update();
  }

  // Gives the picture with all that is drawn over it, as a Blob.
  async snapshot({ type = "image/jpeg", quality = 0.9 } = {}) {
    if (!this.#live?.shown) throw new DOMException("There is no picture yet.", "InvalidStateError");
    const whole = document.createElement("canvas");
    [whole.width, whole.height] = [this.#picture.width, this.#picture.height];
    const pen = whole.getContext("2d");
    pen.drawImage(this.#picture, 0, 0);
    if (this.#overlay.width && this.#overlay.height) pen.drawImage(this.#overlay, 0, 0, whole.width, whole.height);
    return new Promise((resolve, reject) => {
      whole.toBlob((blob) => (blob ? resolve(blob) : reject(new DOMException(`This browser writes no ${type}.`, "EncodingError"))), type, quality);
    });
  }

  // --- its life in a page -------------------------------------------------------------------------------------------

  connectedCallback() {
    for (const name of ["token", ...Object.keys(TEXTS), ...Object.keys(SWITCHES)]) this.#upgrade(name);
    this.#live = new LivePicture({
      picture: this.#picture,
      overlay: this.#overlay,
      onShown: (shown) => this.#shown(shown),
      onChange: () => this.#link?.watch(),
    });
    this.#sight = new IntersectionObserver((entries) => {
      this.#inSight = entries.at(-1).isIntersecting;
      this.#update();
    });
    this.#sight.observe(this);
    this.#size = new ResizeObserver(() => this.#link?.watch());
    this.#size.observe(this);
    document.addEventListener("visibilitychange", this.#update);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#applyLook();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    document.removeEventListener("visibilitychange", this.#update);
    for (const name of ["click", "keydown"]) document.removeEventListener(name, this.#applySound, true);
    this.#sight.disconnect();
    this.#size.disconnect();
    this.#inSight = false;
    this.#leave();
    this.#live.close();
    this.#live = null;
    this.#say("idle");
  }

  attributeChangedCallback(name, before, value) {
    if (before === value || !this.#live) return;
    if (["src", "stream", "token"].includes(name)) this.#joinAnew();
    else this.#applyLook();
  }

  // A property that a framework has set before the element was defined hides what is defined here.
  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  // Joins or leaves, as what is set, seen and wanted asks for.
  #update = () => {
    if (!this.#live) return;
    const idle = this.#paused ? "paused" : document.hidden ? "the page is hidden" : this.#inSight ? null : "it is not in sight";
    if (idle !== null) {
      this.#leave();
      this.#say("paused", idle === "paused" ? "" : `Paused, since ${idle}.`);
    } else if (!this.#link) {
      this.#join();
    }
  };

  // Attributes that are set one after the other make one change.
  #joinAnew() {
    if (this.#joining || !this.#live) return;
    this.#joining = true;
    queueMicrotask(() => {
      this.#joining = false;
      this.#leave();
      this.#update();
    });
  }

  #join() {
    try {
      const root = rootOf(this.src, document.baseURI);
      checkToken(this.token);
      if (!this.stream) throw new Error("The attribute stream is missing; give the id of a stream, such as gate.");
      this.#say("connecting", "Connecting …");
      this.#link = joinLink(root, this.token, this.#viewer(this.stream));
    } catch (error) {
      this.#say("failed", error.message);
    }
  }

  #leave() {
    this.#link?.leave();
    this.#link = null;
    this.#live?.pause();
  }

  #viewer(stream) {
    const [live, ratio] = [this.#live, () => window.devicePixelRatio || 1];
    const element = this;
    return {
      stream,
      get width_px() {
        return Math.max(LEAST_WIDTH_PX, Math.round(element.#stage.clientWidth * ratio()));
      },
      get layer() {
        return live.layer;
      },
      take: (header, data, offset_s) => {
        live.take(header, data, offset_s);
        if (header.scene) this.#applyLook();
      },
      connected: (way) => {
        live.pause(); // what waits is of the connection before
        this.#way = way;
        this.#told = null;
        this.#shownAt_s = now();
      },
      failed: (reason) => this.#say("failed", sentence(reason)),
      told: (status) => {
        this.#told = status;
      },
    };
  }

  // --- what is shown ------------------------------------------------------------------------------------------------

  #shown({ captured_s, boxes_captured_s, result, width_px, height_px }) {
    if (!this.#link) return; // paused meanwhile
    this.#shownAt_s = now();
    this.#stage.classList.add("has-picture");
    const shape = `${width_px} / ${height_px}`;
    if (this.#stage.style.getPropertyValue("--ratio") !== shape) this.#stage.style.setProperty("--ratio", shape);
    this.#say("live");
    const found = result ?? this.#live.newest;
    if (!found) return;
    const ages = { age_s: now() - captured_s, boxes_age_s: boxes_captured_s === null ? null : now() - boxes_captured_s };
    this.#dispatch("streamvision-result", { stream: this.stream, ...ages, result: found });
  }

  #tick() {
    const [shown, silent_s] = [this.#live.shown, now() - this.#shownAt_s];
    const comes = this.#link && ["live", "waiting", "connecting"].includes(this.state);
    if (comes && silent_s > STALE_S && this.#way) {
      this.#link.look();
      const known = this.#told && this.#told.state !== "live" ? `${this.#told.state}${this.#told.reason ? `: ${this.#told.reason}` : ""}` : "";
      this.#say("waiting", sentence(`No new picture for ${Math.round(silent_s)} s${known ? `; the stream is ${known}` : ""}`));
    }
    this.#showControls(shown);
    this.#showName();
  }

  #showControls(shown) {
    this.#controls.show({
      shown: this.controls,
      paused: this.#paused,
      labels: this.#style().layers.includes("label"),
      muted: this.muted,
      hasSound: this.#live.hasSound,
      age_s: shown && this.state === "live" ? now() - shown.captured_s : null,
      told: this.state === "live" ? this.#live.told(this.#way) : "",
    });
  }

  // What people hear who do not see the picture.
  #showName() {
    const counts = new Map();
    const scene = this.#live.scene;
    for (const { class_name: given, class_id: id } of this.#live.newest?.objects ?? []) {
      const name = given ?? scene?.names?.[id] ?? `class ${id}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const objects = this.state === "live" ? [...counts].map(([name, n]) => `${n} ${name}`).join(", ") || "no objects" : this.state;
    const words = `${this.ariaLabel || `Live picture of ${scene?.name || this.stream}`}: ${objects}`;
    if (this.#picture.getAttribute("aria-label") !== words) this.#picture.setAttribute("aria-label", words);
  }

  // As the server draws it, where nothing else is asked for.
  #style() {
    const style = styleOf(this.styleName) ?? usualStyle(this.#live.scene);
    const layers = new Set(style.layers);
    for (const [on, layer] of [[this.labels, "label"], [this.trails, "trace"]]) {
      if (on !== null) layers[on ? "add" : "delete"](layer);
    }
    return { ...style, layers: [...layers] };
  }

  #applyLook() {
    this.#live.style = this.#style();
    this.#applySound();
    this.#live.mode = MODES.includes(this.mode) ? this.mode : MODES[0];
    this.#showControls(this.#live.shown);
    this.#showName();
  }

  // Browsers let a page be heard only after somebody has clicked in it, or pressed a key.
  #applySound = () => {
    if (!this.#live) return;
    const may = navigator.userActivation?.hasBeenActive ?? true;
    for (const name of ["click", "keydown"]) {
      if (this.muted || may) document.removeEventListener(name, this.#applySound, true);
      else document.addEventListener(name, this.#applySound, true);
    }
    this.#live.hear(!this.muted && may);
  };

  #say(state, reason = "") {
    if (this.#state.state === state && this.#state.reason === reason) return;
    this.#state = { state, reason };
    this.#stage.dataset.state = state;
    const words = state === "paused" || state === "idle" ? "" : reason;
    if (this.#message.textContent !== words) this.#message.textContent = words;
    if (this.#live) this.#showControls(this.#live.shown);
    this.#dispatch("streamvision-state", { stream: this.stream, state, reason });
  }

  #click({ offsetX, offsetY }) {
    const shown = this.#live?.shown;
    const result = shown?.result ?? this.#live?.newest;
    if (!shown || !result) return;
    const [x, y] = this.#inPicture(offsetX, offsetY, result);
    const hit = result.objects.filter(({ box_xyxy_px: [left, top, right, bottom] }) => left <= x && x <= right && top <= y && y <= bottom);
    const area = ({ box_xyxy_px: [left, top, right, bottom] }) => (right - left) * (bottom - top);
    const object = hit.sort((a, b) => area(a) - area(b))[0] ?? null;
    this.#dispatch("streamvision-click", { stream: this.stream, object, x_px: x, y_px: y, result });
  }

  // A place of the element as one of the picture, in pixels of the result.
  #inPicture(x, y, { width_px: across, height_px: down }) {
    const { clientWidth: width, clientHeight: height } = this.#picture;
    const scale = (this.fit === "cover" ? Math.max : Math.min)(width / across, height / down);
    return [(x - (width - across * scale) / 2) / scale, (y - (height - down * scale) / 2) / scale];
  }

  #dispatch(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

for (const [property, attribute] of Object.entries(TEXTS)) {
  Object.defineProperty(StreamVisionView.prototype, property, {
    get() {
      return this.getAttribute(attribute) ?? "";
    },
    set(value) {
      this.setAttribute(attribute, value);
    },
    enumerable: true,
    configurable: true,
  });
}
for (const [name, usual] of Object.entries(SWITCHES)) {
  Object.defineProperty(StreamVisionView.prototype, name, {
    get() {
      const words = this.getAttribute(name);
      return words === null ? usual : words !== "off" && words !== "false";
    },
    set(on) {
      if (on === null || on === undefined) this.removeAttribute(name);
      else this.setAttribute(name, on ? "on" : "off");
    },
    enumerable: true,
    configurable: true,
  });
}

const sentence = (words) => words.replace(/^[a-z](?=[a-z]*\b[^:])/, (first) => first.toUpperCase()).replace(/[^.!?…]$/, "$&.");

// Where there is no page, such as in a framework that renders on a server, there is nothing to define.
globalThis.customElements?.get("streamvision-view") ?? globalThis.customElements?.define("streamvision-view", StreamVisionView);
