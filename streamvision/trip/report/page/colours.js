// Colours of the style sheet, for what is drawn on a canvas; and the theme that was chosen.

const resolved = new Map();
const probe = node("span", { look: "hidden-words", attributes: { "aria-hidden": "true" } });
document.body.append(probe);

function colour(variable) {
  if (!resolved.has(variable)) {
    probe.style.color = `var(--${variable})`;
    resolved.set(variable, getComputedStyle(probe).color);
  }
  return resolved.get(variable);
}

const THEMES = ["system", "light", "dark"];
const themeListeners = [];

function recolour() {
  resolved.clear();
  themeListeners.forEach((act) => act());
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const after = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  find("theme").setAttribute("aria-label", `Theme: ${theme}; change to ${after}`);
  find("theme").title = `Theme: ${theme}`;
  recolour();
}

function keptTheme() {
  try {
    const kept = localStorage.getItem("theme");
    return THEMES.includes(kept) ? kept : "system";
  } catch {
    return "system"; // a browser that keeps nothing for files
  }
}

find("theme").addEventListener("click", () => {
  const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  setTheme(theme);
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // as above
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
addEventListener("beforeprint", () => { document.documentElement.dataset.printed = "yes"; recolour(); });
addEventListener("afterprint", () => { delete document.documentElement.dataset.printed; recolour(); });
