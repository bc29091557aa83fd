"use strict";
const root = document.documentElement;
const setTheme = (theme) => { root.dataset.theme = theme; };
setTheme(matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
document.getElementById("theme").addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));

for (const table of document.querySelectorAll(".sortable")) {
  table.querySelectorAll("th").forEach((head, column) => head.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => { const text = row.cells[column].textContent.trim(); const number = parseFloat(text); return text === "–" ? -1 : Number.isNaN(number) ? text : number; };
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => { const [x, y] = [value(a), value(b)]; const order = typeof x === "string" || typeof y === "string" ? String(x).localeCompare(String(y)) : x - y; return down ? -order : order; });
    body.append(...rows);
  }));
}

for (const panel of document.querySelectorAll("#curves .panel")) {
  const [chart, legend] = [panel.querySelector("svg"), panel.querySelector(".legend")];
  const focus = (series) => {
    for (const part of [chart, legend]) {
      part.classList.toggle("focused", series !== undefined);
      part.querySelectorAll("[data-series]").forEach((one) => one.classList.toggle("active", one.dataset.series === series));
    }
  };
  panel.addEventListener("pointerover", (event) => focus(event.target.closest("[data-series]")?.dataset.series));
  panel.addEventListener("pointerleave", () => focus(undefined));
}

for (const tab of document.querySelectorAll(".tabs button")) {
  tab.addEventListener("click", () => {
    document.querySelectorAll(".tabs button").forEach((other) => other.setAttribute("aria-selected", other === tab));
    document.querySelectorAll(".maps > div").forEach((map) => { map.hidden = map.dataset.map !== tab.dataset.map; });
  });
}

const tip = document.getElementById("tip");
document.addEventListener("pointermove", (event) => {
  const crop = event.target.classList?.contains("dot") && crops[event.target.dataset.crop];
  tip.hidden = !crop;
  if (!crop) return;
  tip.querySelector("img").src = crop.uri;
  tip.querySelector("span").textContent = `${crop.name}\n${crop.file}`;
  tip.style.left = `${Math.min(event.clientX + 16, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8)}px`;
});

const large = document.getElementById("large");
const enlarge = (figure) => {
  large.firstElementChild.replaceChildren(...figure.cloneNode(true).children);
  large.style.setProperty("--ratio", figure.querySelector(".picture").style.aspectRatio.replace(" / ", "/").split("/").reduce((a, b) => a / b));
  large.showModal();
};
for (const figure of document.querySelectorAll(".gallery figure")) {
  figure.addEventListener("click", () => enlarge(figure));
  figure.addEventListener("keydown", (event) => { if (event.key === "Enter") enlarge(figure); });
}
large.addEventListener("click", () => large.close());
