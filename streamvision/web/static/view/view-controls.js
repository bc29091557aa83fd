// The row of buttons under the picture of an element.

const ICONS = {
  play: "M7 4l13 8-13 8z",
  pause: "M8 5v14M16 5v14",
  labels: "M3 7v10h11l6-5-6-5z",
  quiet: "M4 9v6h4l5 4V5L8 9zM17 9l5 6M22 9l-5 6",
  loud: "M4 9v6h4l5 4V5L8 9zM17 9c1.5 2 1.5 4 0 6M20 6c3 4 3 8 0 12",
  large: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
};

export class ViewControls {
  #buttons = new Map();
  #age;

  constructor(view) {
    this.element = document.createElement("div");
    this.element.className = "controls";
    this.element.part = "controls";
    this.#add("play", () => (view.paused ? view.play() : view.pause()));
    this.#add("labels", () => (view.labels = this.#buttons.get("labels").getAttribute("aria-pressed") !== "true"));
    this.#add("sound", () => (view.muted = !view.muted));
    this.#add("large", () => (document.fullscreenElement ? document.exitFullscreen() : view.requestFullscreen?.()));
    this.#age = document.createElement("span");
    this.#age.className = "age";
    this.element.append(this.#age);
  }

  // Takes what is so now, and how the picture comes, in words.
  show({ shown, paused, labels, muted, hasSound, age_s, told }) {
    this.element.hidden = !shown;
    if (!shown) return;
    this.#set("play", paused ? "play" : "pause", paused ? "Play" : "Pause");
    this.#set("labels", "labels", "Labels", labels);
    this.#set("sound", muted ? "quiet" : "loud", muted ? "Sound on" : "Sound off");
    this.#buttons.get("sound").hidden = !hasSound;
    this.#set("large", "large", "Full screen");
    const words = age_s === null ? "" : age_s < 1 ? `${Math.round(1000 * age_s)} ms old` : `${age_s.toFixed(1)} s old`;
    if (this.#age.textContent !== words) this.#age.textContent = words;
    if (this.#age.title !== told) this.#age.title = told;
  }

  #add(name, onClick) {
    const button = document.createElement("button");
    button.type = "button";
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("viewBox", "0 0 24 24");
    icon.setAttribute("aria-hidden", "true");
    icon.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
    button.append(icon);
    button.addEventListener("click", onClick);
    this.#buttons.set(name, button);
    this.element.append(button);
  }

  #set(name, icon, words, pressed = null) {
    const button = this.#buttons.get(name);
    if (button.title !== words) button.title = words;
    button.setAttribute("aria-label", words);
    if (pressed !== null) button.setAttribute("aria-pressed", String(pressed));
    button.querySelector("path").setAttribute("d", ICONS[icon]);
  }
}
