// What all pages do: the switch between light and dark, one's own password, and fields that wait for their script.

import { find, say } from "./dom.js";
import { recall, remember } from "./kept.js";
import { ask } from "./server.js";

const THEMES = ["system", "light", "dark"];
const WORDS = { system: "as the system", light: "light", dark: "dark" };
const button = find("theme");

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

find("own-password")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { current, password } = event.target.elements;
  try {
    await ask("api/me/password", { method: "POST", body: { current: current.value, password: password.value } });
    event.target.reset();
    say(find("own-said"), "Changed; you are signed out everywhere else.");
  } catch (error) {
    say(find("own-said"), error.message, true);
  }
});

// Fields that a script answers wait for it: what is chosen before would be lost, and a password would go into the address.
addEventListener("DOMContentLoaded", () => {
  for (const fields of document.querySelectorAll("fieldset.scripted")) fields.disabled = false;
});
