// Joins the wall, its tiles, the connections and the address bar.

import "./page.js";
import { CameraDialog } from "./camera.js";
import { events } from "./connection.js";
import { find, node } from "./dom.js";
import { address, signIn, streamPath } from "./server.js";
import { Tile } from "./tile.js";
import { LiveLink } from "./view/link.js";
import { now } from "./view/repeated.js";
import { Wall } from "./wall.js";

const TICK_MS = 100;
const WISHES_MS = 30; // those of several tiles become one

const tiles = new Map(); // by id, in the server's order
let focus = null;
let removed = ""; // what is said of a stream that went while its page was open
const newsLink = { connected: false, tried: false };
const liveLink = { connected: false, tried: false };

const wall = new Wall(tiles, watch);
const live = new LiveLink({
  root: address(),
  wanted: () => wall.wanted,
  onRecord: (header, data, offset_s) => tiles.get(header.stream)?.take(header, data, offset_s),
  onChange: (change) => {
    for (const tile of tiles.values()) tile.pause(); // what waits is of the connection before
    onLink(liveLink, change);
  },
  onRefused: (status) => status === 401 && signIn(),
});
const news = events(onEvent, (change) => onLink(newsLink, change));

const hasVideo = find("grid").dataset.video === "true";
let wishing = null;

// Takes note that a tile wants another layer.
function onWish() {
  clearTimeout(wishing);
  wishing = setTimeout(() => wall.tell(), WISHES_MS);
}

// A hidden page, and one that shows nothing, needs no pictures.
function watch() {
  const wanted = document.hidden ? [] : wall.wanted;
  const ids = wanted.map(({ id }) => id);
  for (const [id, tile] of tiles) if (!ids.includes(id)) tile.pause();
  if (wanted.length) return live.watch();
  live.close();
  liveLink.tried = false; // it is not missed
}

function onLink(link, change) {
  Object.assign(link, change, { tried: true });
  showLinks();
}

function onEvent(name, data) {
  if (name === "analytics") tiles.get(data.stream)?.happened(data);
  if (name !== "status") return; // each change of state is followed by a full status
  keepTiles(data.streams);
  for (const status of data.streams) {
    const sentence = tiles.get(status.id).update(status);
    if (sentence) find("announcer").textContent = sentence;
  }
  tellFaults(data.faults);
  tellModel(data.model);
  summarise();
}

// The models are other ones once a stream needs another.
function tellModel(line) {
  if (find("model").textContent !== line) find("model").textContent = find("model").title = line;
}

// What is wrong beside the streams, such as a full disk.
function tellFaults(sentences) {
  const shown = [...find("faults").children].map((line) => line.textContent);
  if (shown.join("\n") === sentences.join("\n")) return;
  find("faults").replaceChildren(...sentences.map((text) => node("p", { text })));
}

// One tile for each stream that there is now, in the server's order.
function keepTiles(statuses) {
  const ids = statuses.map((status) => status.id);
  if (ids.join("\n") === [...tiles.keys()].join("\n")) return;
  const before = new Map(tiles);
  tiles.clear();
  for (const status of statuses) tiles.set(status.id, before.get(status.id) ?? new Tile(find("tile"), status, { hasVideo, onWish }));
  for (const [id, tile] of before) if (!tiles.has(id)) tile.remove();
  const places = find("grid").children; // a tile that stays where it is keeps the focus and the full screen
  [...tiles.values()].forEach(({ element }, n) => places[n] !== element && find("grid").insertBefore(element, places[n] ?? null));
  find("empty").hidden = tiles.size > 0;
  tellRemoved(before.get(named()));
  setFocus(addressed());
}

// The page of a stream that there is no more becomes that of all, and says why.
function tellRemoved(tile) {
  if (!tile || tiles.has(named())) return;
  removed = `${tile.name} was removed, or you may no longer see it.`;
  history.replaceState(null, "", address());
  tellNotice();
}

function summarise() {
  const byState = new Map();
  for (const tile of tiles.values()) byState.set(tile.state, (byState.get(tile.state) ?? 0) + 1);
  const parts = [...byState].map(([state, n]) => {
    const part = node("span", { look: "tally", text: `${n} ${state}` });
    part.dataset.state = state;
    return part;
  });
  find("summary").replaceChildren(...parts);
  const alive = byState.get("live") ?? 0;
  const name = tiles.get(focus)?.name;
  document.title = name ? `${name} · StreamVision` : `${alive}/${tiles.size} live · StreamVision`;
  find("heading").textContent = name ? `Stream ${name}` : "All streams";
}

const lost = (link) => link.tried && !link.connected;

function showLinks() {
  find("link").dataset.link = newsLink.connected ? "connected" : "lost";
  find("link").querySelector(".link-words").textContent = newsLink.connected ? "Connected" : "Disconnected";
  find("summary").hidden = lost(newsLink);
  if (lost(newsLink)) for (const tile of tiles.values()) tile.lose();
  tellNotice();
}

function tellNotice() {
  const link = [newsLink, liveLink].find(lost);
  const sentence = link ? lostWords(link) : removed;
  find("notice").hidden = !sentence;
  if (find("notice").textContent !== sentence) find("notice").textContent = sentence;
}

function lostWords(link) {
  const what = link === newsLink ? "No connection to StreamVision, what you see is old" : `No pictures: ${link.why}`;
  const wait_s = Math.ceil(link.retry_at_s - now());
  return `${what}; ${wait_s > 0 ? `trying again in ${wait_s} s` : "trying again now"}.`;
}

// --- one stream or all -------------------------------------------------------------------------------------------

// The stream that the address names.
function named() {
  const match = /\/streams\/([^/]+)$/.exec(location.pathname);
  return match && decodeURIComponent(match[1]);
}

function addressed() {
  const asked = named();
  if (asked && tiles.has(asked)) return asked;
  return tiles.size === 1 ? [...tiles.keys()][0] : null;
}

function setFocus(id) {
  const ids = [...tiles.keys()];
  focus = id;
  document.body.classList.toggle("single", id !== null);
  find("crumbs").hidden = id === null || ids.length === 1;
  if (id !== null) {
    const place = ids.indexOf(id);
    find("previous").href = address(streamPath(ids.at(place - 1)));
    find("next").href = address(streamPath(ids[(place + 1) % ids.length]));
  }
  wall.focus = id;
  if (tiles.size) summarise();
}

function go(url) {
  if (url !== location.href) history.pushState(null, "", url);
  removed = "";
  tellNotice();
  setFocus(addressed());
  scrollTo(0, 0);
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a.open, #back, #previous, #next, .brand, .places a[aria-current]");
  if (!anchor || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const id = anchor.closest(".tile")?.dataset.stream;
  if (!(id && wall.enlarge(id))) go(anchor.href);
});
addEventListener("popstate", () => setFocus(addressed()));
addEventListener("keydown", (event) => {
  if (focus === null || tiles.size === 1 || document.fullscreenElement || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.closest?.("input, select, textarea") || document.querySelector(":popover-open, dialog[open]")) return;
  if (event.key === "Escape") go(address());
  if (event.key === "ArrowLeft") go(find("previous").href);
  if (event.key === "ArrowRight") go(find("next").href);
});

// --- cameras, for those who may change them ---------------------------------------------------------------------------

if (find("camera")) {
  const camera = new CameraDialog();
  for (const button of document.querySelectorAll(".add")) button.addEventListener("click", () => camera.open());
  find("grid").addEventListener("click", (event) => {
    if (event.target.closest(".settings")) camera.open(event.target.closest(".tile").dataset.stream);
  });
}

// --- begin; a hidden tab needs neither pictures nor figures ---------------------------------------------------------

document.addEventListener("visibilitychange", () => {
  watch();
  if (document.hidden) news.close();
  else news.open();
});

for (const anchor of document.querySelectorAll("a[href], link[rel=icon]")) anchor.href = anchor.href; // the page's address changes, theirs must not
onEvent("status", JSON.parse(find("status").textContent));
find("empty").hidden = tiles.size > 0;
news.open();
setInterval(() => {
  for (const tile of tiles.values()) tile.tick(live.way);
  tellNotice();
}, TICK_MS);
