// Joins the tiles, the connections and the address bar.

import { events, now, pictures } from "./connection.js";
import { Tile } from "./tile.js";

const TICK_MS = 100;
const find = (id) => document.getElementById(id);

const tiles = new Map([...document.querySelectorAll(".tile")].map((element) => {
  const tile = new Tile(element);
  return [tile.id, tile];
}));
const ids = [...tiles.keys()];
let focus = null;
const newsLink = { connected: false, tried: false };
const liveLink = { connected: false, tried: false };

const live = pictures(
  () => (focus ? [focus] : ids),
  (record) => tiles.get(record.stream)?.show(record),
  (change) => onLink(liveLink, change),
);
const news = events(onEvent, (change) => onLink(newsLink, change));

function onLink(link, change) {
  Object.assign(link, change, { tried: true });
  showLinks();
}

function onEvent(name, data) {
  if (name === "analytics") tiles.get(data.stream)?.happened(data);
  if (name !== "status") return; // each change of state is followed by a full status
  for (const status of data.streams) {
    const sentence = tiles.get(status.id)?.update(status);
    if (sentence) find("announcer").textContent = sentence;
  }
  summarise();
}

function summarise() {
  const byState = new Map();
  for (const tile of tiles.values()) byState.set(tile.state, (byState.get(tile.state) ?? 0) + 1);
  const parts = [...byState].map(([state, n]) => {
    const part = document.createElement("span");
    part.className = "tally";
    part.dataset.state = state;
    part.textContent = `${n} ${state}`;
    return part;
  });
  find("summary").replaceChildren(...parts);
  const alive = byState.get("live") ?? 0;
  document.title = focus ? `${focus} · StreamVision` : `${alive}/${tiles.size} live · StreamVision`;
}

const lost = (link) => link.tried && !link.connected;

function showLinks() {
  find("link").dataset.link = newsLink.connected ? "connected" : "lost";
  find("link").querySelector(".link-words").textContent = newsLink.connected ? "Connected" : "Disconnected";
  find("summary").hidden = lost(newsLink);
  if (lost(newsLink)) for (const tile of tiles.values()) tile.lose();
  tellLost();
}

function tellLost() {
  const link = [newsLink, liveLink].find(lost);
  find("notice").hidden = !link;
  if (!link) return;
  const what = link === newsLink ? "No connection to StreamVision, what you see is old" : `No pictures: ${link.why}`;
  const wait_s = Math.ceil(link.retry_at_s - now());
  const sentence = `${what}; ${wait_s > 0 ? `trying again in ${wait_s} s` : "trying again now"}.`;
  if (find("notice").textContent !== sentence) find("notice").textContent = sentence;
}

// --- one stream or all -------------------------------------------------------------------------------------------

function addressed() {
  const match = /^\/streams\/([^/]+)$/.exec(location.pathname);
  const asked = match && decodeURIComponent(match[1]);
  if (asked && tiles.has(asked)) return asked;
  return ids.length === 1 ? ids[0] : null;
}

function setFocus(id) {
  focus = id;
  document.body.classList.toggle("single", id !== null);
  for (const tile of tiles.values()) {
    tile.hidden = id !== null && tile.id !== id;
    tile.focused = tile.id === id;
  }
  find("crumbs").hidden = id === null || ids.length === 1;
  if (id !== null) {
    const place = ids.indexOf(id);
    find("previous").href = address(ids.at(place - 1));
    find("next").href = address(ids[(place + 1) % ids.length]);
  }
  if (!document.hidden && ids.length) live.open();
  summarise();
}

const address = (id) => `/streams/${encodeURIComponent(id)}`;

function go(url) {
  if (url !== location.pathname) history.pushState(null, "", url);
  setFocus(addressed());
  scrollTo(0, 0);
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a.open, #back, #previous, #next, .brand");
  if (!anchor || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(anchor.getAttribute("href"));
});
addEventListener("popstate", () => setFocus(addressed()));
addEventListener("keydown", (event) => {
  if (focus === null || ids.length === 1 || document.fullscreenElement || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape") go("/");
  if (event.key === "ArrowLeft") go(find("previous").getAttribute("href"));
  if (event.key === "ArrowRight") go(find("next").getAttribute("href"));
});

// --- begin; a hidden tab needs neither pictures nor figures ---------------------------------------------------------

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    live.close();
    news.close();
  } else {
    if (ids.length) live.open();
    news.open();
  }
});

onEvent("status", JSON.parse(find("status").textContent));
setFocus(addressed());
news.open();
setInterval(() => {
  for (const tile of tiles.values()) tile.tick();
  tellLost();
}, TICK_MS);
