// The timeline page: what was recorded and what happened, lane by lane, played again, searched, saved.

import "./page.js";
import { BoxOverlay } from "./box_overlay.js";
import { find, say } from "./dom.js";
import { happening } from "./happenings.js";
import { Lanes } from "./lanes.js";
import { eventItem } from "./moments.js";
import { Peek } from "./peek.js";
import { Player } from "./player.js";
import { Recorded } from "./recorded.js";
import { address, streamPath } from "./server.js";
import { SpanPanel } from "./span.js";
import { Thumbnails } from "./thumbnails.js";
import { around, clock, fromLocalTime, holding, localTime, moment, moved, share, spanWords, widthOf, zoomed } from "./timescale.js";
import { WhatWasHere } from "./what_was_here.js";

const BEFORE_S = 3; // an event is seen from so long before it
const SPAN_S = [-5, 10]; // around an event, where it is to be saved
const LISTED = 100; // most events in the list
const REST_MS = 350; // of keys and wheel, before something is asked of the server
const MOST_MS = 1500; // where they do not come to rest
const FRESH_MS = 10_000;
const STILL_PX = 640;

const names = JSON.parse(find("names").textContent);
const form = find("filters");
const nameOf = (stream) => names[stream] ?? stream;
const present = () => Date.now() / 1000;

const state = { stream: null, at: null, shown: around(present() - 1500, 3600) };
const thumbnails = new Thumbnails();
const recorded = new Recorded(arrived);
const player = new Player(find("video"), { time: followed, state: playerSays, file: (file) => boxes.load(file), over: goOn });
const boxes = new BoxOverlay(find("boxes"), find("video"), (at_s) => (player.time_unix_s === null ? null : player.time_unix_s - find("video").currentTime + at_s));
const peek = new Peek(thumbnails, nameOf);
const lanes = new Lanes(find("lanes"), {
  show,
  go: (stream, at) => go(stream, at, { play: player.playing }),
  open: openEvent,
  scrub,
  choose: (stream, span) => {
    choose(stream);
    panel.choose(span);
  },
  peek: (what) => peek.show(what, widthOf(state.shown)),
});
const panel = new SpanPanel({
  chosen: (span) => lanes.update({ span }),
  changed: () => {
    recorded.forget();
    ask();
  },
}, nameOf);
const here = new WhatWasHere(thumbnails, {
  begun: () => player.pause(),
  where: () => ({ stream: state.stream, shown: state.shown, className: filters().class }),
  found: (found) => lanes.update({ found }),
  go: (one) => go(one.stream, one.at - 1, { play: true }),
});

// --- the address bar says what is shown ---------------------------------------------------------------------------

const filters = () => Object.fromEntries(["stream", "class", "region"].map((name) => [name, form.elements[name].value.trim()]));

function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of ["stream", "class", "region"]) form.elements[name].value = given.get(name) ?? "";
  const at = Number(given.get("at"));
  const width = Number(given.get("width")) || 3600;
  const stream = given.get("of") ?? given.get("stream");
  state.stream = stream || null;
  if (at > 0) state.shown = around(at, width);
  else state.shown = around(present(), width, 0.96);
  return at > 0 ? at : null;
}

const writeAddress = rested(() => {
  const words = { ...filters(), of: state.stream ?? "", at: state.at === null ? "" : state.at.toFixed(1), width: Math.round(widthOf(state.shown)) };
  const given = Object.entries(words).filter(([, value]) => value !== "");
  history.replaceState(null, "", `?${new URLSearchParams(given)}`);
});

// --- what is shown --------------------------------------------------------------------------------------------------

function show(shown) {
  const latest = present() + 0.5 * widthOf(shown); // nothing is behind the present
  state.shown = shown.until > latest ? moved(shown, latest - shown.until) : shown;
  lanes.update({ shown: state.shown });
  find("window-words").textContent = spanWords(state.shown);
  for (const one of document.querySelectorAll("[data-width]")) {
    one.setAttribute("aria-pressed", String(Math.abs(Number(one.dataset.width) / widthOf(state.shown) - 1) < 0.02));
  }
  askSoon();
  writeAddress();
}

const ask = () => recorded.show(state.shown, filters());
const askSoon = rested(ask);

// Takes what the server gave.
function arrived(error) {
  find("wrong").textContent = error ? error.message : "";
  if (error) return;
  const wanted = filters().stream;
  const others = recorded.stretches.map((one) => one.stream).filter((stream) => !(stream in names));
  lanes.arrange(wanted ? [wanted] : [...new Set([...Object.keys(names), ...others])], names);
  lanes.update({ stretches: recorded.stretches, events: recorded.events });
  listEvents();
  suggest("classes", recorded.events.map((one) => one.class_name));
  suggest("regions", recorded.events.map((one) => one.region));
  if (state.at === null) showLatest();
}

// Where nothing is asked for, the newest picture is shown.
function showLatest() {
  const wanted = recorded.stretches.filter((one) => !state.stream || one.stream === state.stream);
  const last = wanted.reduce((newest, one) => (one.end_unix_s > (newest?.end_unix_s ?? 0) ? one : newest), null);
  if (last) go(last.stream, Math.max(last.start_unix_s, last.end_unix_s - 10), { play: false });
  else say(find("stage-words"), "Nothing was recorded in this time. What is being recorded appears here once its file is complete.");
}

function listEvents() {
  const inSight = recorded.events.filter((one) => one.at >= state.shown.since && one.at <= state.shown.until);
  const listed = inSight.slice(-LISTED).reverse();
  const more = recorded.more || inSight.length > listed.length ? "; look closer for all of them" : "";
  find("events-words").textContent = inSight.length ? `${inSight.length} event${inSight.length === 1 ? "" : "s"}, the newest first${more}.` : "No events in this time.";
  find("events").replaceChildren(...listed.map((one) => eventItem(one, nameOf(one.stream), () => openEvent(one))));
}

function suggest(id, values) {
  find(id).replaceChildren(...[...new Set(values)].filter(Boolean).map((value) => new Option("", value)));
}

// --- moments --------------------------------------------------------------------------------------------------------

function choose(stream) {
  state.stream = stream;
  panel.of(stream);
  find("live").hidden = !(stream in names);
  find("live").href = address(streamPath(stream ?? ""));
  lanes.update({ stream });
}

function place(at) {
  state.at = at;
  find("moment").textContent = moment(at);
  find("of-camera").textContent = nameOf(state.stream);
  const slider = find("lanes");
  slider.setAttribute("aria-valuemin", Math.floor(state.shown.since));
  slider.setAttribute("aria-valuemax", Math.ceil(state.shown.until));
  slider.setAttribute("aria-valuenow", Math.round(at));
  slider.setAttribute("aria-valuetext", `${nameOf(state.stream)}, ${moment(at)}${recorded.covers(state.stream, at) ? "" : ", not recorded"}`);
  lanes.update({ at });
  writeAddress();
}

let wanted = 0; // which moment the player is to show

// Goes to a moment of a stream: a small picture at once, then the film.
async function go(stream, at, { play }) {
  if (stream === null) return;
  const mine = (wanted += 1);
  if (state.stream !== stream) here.forget();
  choose(stream);
  place(at);
  if (!(at >= state.shown.since && at <= state.shown.until)) show(around(at, widthOf(state.shown)));
  if (!play) showStill(stream, at);
  find("stage-words").textContent = "";
  try {
    const is = await player.show(stream, at, { play });
    if (mine !== wanted || is) return;
    find("still").hidden = true;
    boxes.clear();
    const next = recorded.next(stream, at);
    say(find("stage-words"), next === null ? "Nothing was recorded here." : `Nothing was recorded here; it goes on at ${clock(next)}.`);
  } catch (error) {
    say(find("stage-words"), error.message);
  }
}

const goSoon = rested((stream, at) => go(stream, at, { play: false }));

async function showStill(stream, at) {
  const url = await thumbnails.get(stream, at, { width: STILL_PX });
  if (state.stream !== stream || state.at !== at || player.playing) return;
  if (url === null) return;
  find("still").src = url;
  find("still").hidden = false;
}

function scrub(stream, at, isOver) {
  const of = stream ?? state.stream ?? Object.keys(names)[0] ?? null;
  if (isOver) return go(of, at, { play: false });
  player.pause();
  if (state.stream !== of) choose(of);
  place(at);
  find("stage-words").textContent = "";
  boxes.clear();
  showStill(of, at);
}

function step(by_s) {
  if (state.at === null) return;
  const at = state.at + by_s;
  if (player.playing) return go(state.stream, at, { play: true });
  place(at);
  show(holding(state.shown, at));
  showStill(state.stream, at);
  goSoon(state.stream, at);
}

function openEvent(event) {
  panel.choose({ since: event.at + SPAN_S[0], until: event.at + SPAN_S[1] });
  go(event.stream, event.at - BEFORE_S, { play: true });
  say(find("announcer"), `${nameOf(event.stream)}, ${event.region}: ${happening(event)}`);
}

function eventBeside(direction) {
  const from = (state.at ?? present()) + BEFORE_S;
  const all = direction > 0 ? recorded.events.filter((one) => one.at > from + 0.5) : recorded.events.filter((one) => one.at < from - 1.5).reverse();
  if (all.length) openEvent(all[0]);
}

// --- playing --------------------------------------------------------------------------------------------------------

function followed() {
  if (player.time_unix_s === null) return;
  if (find("video").readyState > 1) find("still").hidden = true;
  place(player.time_unix_s);
  if (player.playing && !share01(state.at)) show(holding(state.shown, state.at));
}

const share01 = (at) => share(state.shown, at) > 0.02 && share(state.shown, at) < 0.98;

function playerSays(words) {
  say(find("stage-words"), words);
  find("play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
  find("play").firstElementChild.textContent = player.playing ? "❚❚" : "▶";
  const { videoWidth, videoHeight } = find("video");
  if (videoWidth) find("stage").style.setProperty("--ratio", videoWidth / videoHeight);
}

// The film has ended; it goes on where the next one begins.
function goOn(at) {
  const next = at === null ? null : recorded.next(state.stream, at + 0.5);
  if (next !== null) go(state.stream, next + 0.05, { play: true });
  else playerSays("Nothing more was recorded.");
}

function toggle() {
  if (player.playing) return player.pause();
  if (player.time_unix_s !== null) return player.play();
  const next = state.at === null ? null : recorded.next(state.stream, state.at);
  if (next !== null) go(state.stream, next, { play: true });
}

// --- controls and keys ----------------------------------------------------------------------------------------------

const KEYS = {
  k: toggle,
  j: () => step(-10),
  l: () => step(10),
  n: () => eventBeside(1),
  p: () => eventBeside(-1),
  "[": () => panel.end("since", state.at),
  "]": () => panel.end("until", state.at),
};
const WHERE = () => ({
  ArrowLeft: () => step(-Math.max(1, widthOf(state.shown) / 120)),
  ArrowRight: () => step(Math.max(1, widthOf(state.shown) / 120)),
  ArrowUp: () => besideLane(-1),
  ArrowDown: () => besideLane(1),
  PageUp: () => step(-widthOf(state.shown) / 4),
  PageDown: () => step(widthOf(state.shown) / 4),
  Home: () => edge((one) => one.start_unix_s, Math.min),
  End: () => edge((one) => one.end_unix_s - 1, Math.max),
  "+": () => zoom(0.5),
  "-": () => zoom(2),
  " ": toggle,
  Enter: toggle,
});

function zoom(factor) {
  show(zoomed(state.shown, factor, state.at !== null && share01(state.at) ? state.at : (state.shown.since + state.shown.until) / 2));
}

function edge(timeOf, best) {
  const times = recorded.stretches.filter((one) => one.stream === state.stream).map(timeOf);
  if (times.length) step(best(...times) - (state.at ?? 0));
}

function besideLane(by) {
  const all = Array.from(document.querySelectorAll(".lane"), (row) => row.dataset.stream);
  const stream = all[Math.min(all.length - 1, Math.max(0, all.indexOf(state.stream) + by))];
  if (stream && stream !== state.stream && state.at !== null) go(stream, state.at, { play: player.playing });
}

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest?.("input, select, textarea")) return;
  const act = KEYS[event.key] ?? (event.target === find("lanes") ? WHERE()[event.key] : undefined);
  if (!act || (state.at === null && "[]".includes(event.key))) return;
  event.preventDefault();
  act();
});

const onClick = (id, act) => find(id)?.addEventListener("click", act);
onClick("play", toggle);
onClick("back", () => step(-10));
onClick("on", () => step(10));
onClick("event-before", () => eventBeside(-1));
onClick("event-after", () => eventBeside(1));
onClick("earlier", () => show(moved(state.shown, -widthOf(state.shown) / 2)));
onClick("later", () => show(moved(state.shown, widthOf(state.shown) / 2)));
onClick("closer", () => zoom(0.5));
onClick("wider", () => zoom(2));
onClick("begin-here", () => state.at !== null && panel.end("since", state.at));
onClick("end-here", () => state.at !== null && panel.end("until", state.at));
onClick("now", () => show(around(present(), widthOf(state.shown), 0.96)));
for (const one of document.querySelectorAll("[data-width]")) {
  one.addEventListener("click", () => show(around(state.at ?? present(), Number(one.dataset.width), state.at === null ? 0.96 : 0.5)));
}
find("speed").addEventListener("change", () => (player.speed = Number(find("speed").value)));
find("sound").addEventListener("change", () => (find("video").muted = !find("sound").checked));
find("with-boxes").addEventListener("change", () => {
  boxes.visible = find("with-boxes").checked;
  boxes.paint(player.time_unix_s);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const at = fromLocalTime(form.elements.at.value);
  const { stream } = filters();
  boxes.className = filters().class;
  if (stream) choose(stream);
  if (at !== null) {
    show(around(at, widthOf(state.shown)));
    if (state.stream) go(state.stream, at, { play: false });
  }
  ask();
  writeAddress();
});
form.elements.stream.addEventListener("change", () => form.requestSubmit());

// --- begin ----------------------------------------------------------------------------------------------------------

const asked = readAddress();
boxes.className = filters().class;
lanes.arrange(state.stream && filters().stream ? [state.stream] : Object.keys(names), names);
show(state.shown);
if (state.stream !== null) choose(state.stream);
if (asked !== null && state.stream !== null) go(state.stream, asked, { play: false });
else if (asked !== null) place(asked);
form.elements.at.value = asked === null ? "" : localTime(asked);
ask();
setInterval(() => document.visibilityState === "visible" && ask(), FRESH_MS);

// A function that is called once things have come to rest, with what was given last; now and then while they do not.
function rested(act) {
  let timer = null;
  let since_ms = null;
  return (...given) => {
    clearTimeout(timer);
    since_ms ??= Date.now();
    const left_ms = Math.max(0, Math.min(REST_MS, since_ms + MOST_MS - Date.now()));
    timer = setTimeout(() => {
      since_ms = null;
      act(...given);
    }, left_ms);
  };
}
