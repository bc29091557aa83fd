// What all pages do: the switch between light and dark.

import { recall, remember } from "./kept.js";

const THEMES = ["system", "light", "dark"];
const WORDS = { system: "as the system", light: "light", dark: "dark" };
const button = document.getElementById("theme");

function show(theme) {
  document.documentElement.dataset.theme = theme;
  button.setAttribute("aria-label", `Theme: ${WORDS[theme]}`);
  button.title = `Theme: ${WORDS[theme]}`;
}

button.addEventListener("click", () => {
  const theme = THEMES[(THEMES.indexOf(recall("theme", THEMES, "system")) + 1) % THEMES.length];
  remember("theme", theme);
  show(theme);
});
show(recall("theme", THEMES, "system"));
