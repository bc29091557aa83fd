// The events page: what happened on all cameras, filtered, page by page, with pictures.

import "./page.js";
import { button, find, node, time } from "./dom.js";
import { happening } from "./happenings.js";
import { address, ask } from "./server.js";

const form = find("filters");
const names = JSON.parse(find("names").textContent);
const BEFORE_S = 3; // an event is seen again from so long before it
const WIDTH_S = 600; // that the timeline shows around it
let shown = []; // events on this page
let next = null; // where the older ones begin
let asked = 0; // which answer is awaited

// --- the address bar says what is shown ---------------------------------------------------------------------------

// The filters as the API takes them; times as seconds since 1970.
function query() {
  const given = new URLSearchParams(location.search);
  return new URLSearchParams([...given].filter(([, value]) => value !== ""));
}

function fillForm() {
  const given = query();
  for (const input of form.elements) {
    if (!input.name) continue;
    const value = given.get(input.name) ?? "";
    input.value = input.type === "datetime-local" && value ? localTime(Number(value)) : value;
  }
}

function fromForm() {
  const filters = [...form.elements].filter((input) => input.name && input.value.trim());
  const values = filters.map((input) => {
    const value = input.value.trim();
    return [input.name, input.type === "datetime-local" ? String(new Date(value).getTime() / 1000) : value];
  });
  return new URLSearchParams(values);
}

function go(filters) {
  const words = filters.toString();
  history.pushState(null, "", words ? `?${words}` : location.pathname);
  show();
}

// --- what is shown --------------------------------------------------------------------------------------------------

async function show() {
  fillForm();
  const filters = query();
  const mine = (asked += 1);
  try {
    const answer = await ask(`api/event-log?${filters}`);
    if (mine !== asked) return; // something else was asked for in the meantime
    ({ events: shown, next } = answer);
    find("wrong").textContent = "";
  } catch (error) {
    find("wrong").textContent = error.message;
    return;
  }
  const before = filters.get("before");
  find("words").textContent = shown.length ? `${shown.length} event${shown.length === 1 ? "" : "s"}, the newest first${before ? ", older ones" : ""}.` : "No events.";
  find("events").replaceChildren(...shown.map(card));
  find("older").hidden = next === null;
  find("newest").hidden = before === null;
  filters.delete("before");
  find("download").href = address(`api/event-log.csv?${filters}`);
  suggest("classes", shown.map((event) => event.class_name));
  suggest("regions", shown.map((event) => event.region));
}

function card(event, place) {
  const words = node("div", {
    look: "event-words",
    children: [
      node("strong", { text: `${event.region}: ${happening(event)}` }),
      node("span", { text: nameOf(event) }),
      time(whenOf(event)),
      ...(find("events").dataset.recorded === undefined ? [] : [node("a", { look: "look-back", href: lookBack(event), text: "Look back" })]),
    ],
  });
  const item = node("li", { look: "event", children: [thumbnail(event, place), words] });
  item.dataset.kind = event.kind;
  return item;
}

function thumbnail(event, place) {
  if (!event.picture) return node("div", { look: "thumbnail none", text: "no picture" });
  const image = node("img", { loading: "lazy", alt: "", src: address(event.picture) });
  const frame = button("", () => enlarge(place), "thumbnail");
  frame.setAttribute("aria-label", `Enlarge: ${inWords(event)}`);
  frame.append(image);
  return frame;
}

// Where the moment is seen again, if it was recorded.
function lookBack(event) {
  const at = (event.captured_unix_s ?? event.time_unix_s) - BEFORE_S;
  return address(`timeline?${new URLSearchParams({ of: event.stream, at: at.toFixed(1), width: WIDTH_S })}`);
}

const whenOf = (event) => event.time_unix_s ?? event.captured_unix_s;
const nameOf = (event) => names[event.stream] ?? event.stream;
const inWords = (event) => `${event.region}: ${happening(event)}; ${nameOf(event)}, ${time(whenOf(event)).textContent}`;

function suggest(id, values) {
  find(id).replaceChildren(...[...new Set(values)].filter(Boolean).map((value) => new Option("", value)));
}

// --- one picture, large ---------------------------------------------------------------------------------------------

let large = 0;

function enlarge(place) {
  large = place;
  const event = shown[place];
  find("large-picture").src = address(event.picture);
  find("large-picture").alt = `Picture of ${inWords(event)}`;
  find("large-words").textContent = inWords(event);
  find("large-look-back")?.setAttribute("href", lookBack(event));
  find("later").disabled = beside(-1) === null;
  find("earlier").disabled = beside(1) === null;
  if (!find("large").open) find("large").showModal();
}

// The next event with a picture, in a direction.
function beside(by) {
  for (let place = large + by; shown[place]; place += by) if (shown[place].picture) return place;
  return null;
}

function step(by) {
  const place = beside(by);
  if (place !== null) enlarge(place);
}

find("later").addEventListener("click", () => step(-1));
find("earlier").addEventListener("click", () => step(1));
find("close").addEventListener("click", () => find("large").close());
find("large").addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});

// --- begin ----------------------------------------------------------------------------------------------------------

form.addEventListener("submit", (event) => {
  event.preventDefault();
  go(fromForm());
});
form.addEventListener("reset", (event) => {
  event.preventDefault();
  go(new URLSearchParams());
});
find("older").addEventListener("click", () => {
  const filters = query();
  filters.set("before", next);
  go(filters);
  scrollTo(0, 0);
});
find("newest").addEventListener("click", () => {
  const filters = query();
  filters.delete("before");
  go(filters);
});
addEventListener("popstate", show);
show();

function localTime(unix_s) {
  const at = new Date(unix_s * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
