// Elements, written as one expression; texts go in as texts.

const find = (id) => document.getElementById(id);

function node(tag, { look = "", text = "", children = [], attributes = {}, ...properties } = {}) {
  const element = document.createElement(tag);
  if (look) element.className = look;
  if (text !== "") element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return Object.assign(element, properties);
}

function svg(tag, attributes = {}, children = []) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function button(text, act, look = "button") {
  const element = node("button", { look, text, type: "button" });
  element.addEventListener("click", act);
  return element;
}

const name = (text, look = "") => node("bdi", { text, look });
const time = (format, unix_s) => node("time", { text: said(format, unix_s), title: utc(unix_s) });
const announce = (words) => { find("announcer").textContent = words; };
