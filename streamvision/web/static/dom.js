// Elements, written as one expression.

export const find = (id) => document.getElementById(id);

// An element with a class name, a text or children, and properties.
export function node(tag, { look = "", text = "", children = [], ...properties } = {}) {
  const element = document.createElement(tag);
  if (look) element.className = look;
  if (text !== "") element.textContent = text;
  element.append(...children);
  return Object.assign(element, properties);
}

export function button(text, act, look = "button") {
  const element = node("button", { look, text, type: "button" });
  element.addEventListener("click", act);
  return element;
}

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const day = (unix_s) => DAY.format(unix_s * 1000);

export function time(unix_s) {
  return node("time", { text: DAY_AND_TIME.format(unix_s * 1000), dateTime: new Date(unix_s * 1000).toISOString() });
}

// Says a sentence in an element with the class `said` or `wrong`.
export function say(element, sentence, wrong = false) {
  element.textContent = sentence;
  element.classList.toggle("wrong", wrong || element.role === "alert");
}
