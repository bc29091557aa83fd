// The labelling page: joins the pictures that there are, the one on the stage, its marks, keys and pointers, and the server.

import "./page.js";
import { find, say } from "./dom.js";
import { begun, LEAST_PX, shifted, stretched } from "./label_boxes.js";
import { ClassList } from "./label_classes.js";
import { Drafts, ownId } from "./label_drafts.js";
import { listen } from "./label_keys.js";
import { Marks } from "./label_marks.js";
import { fillHelp, listenToFilters, showBoxes, showFilters, showUnsaved, showWhy } from "./label_panel.js";
import { Pointer } from "./label_pointer.js";
import { Queue } from "./label_queue.js";
import { details, letGo, Outbox, overview, pixels, putBack } from "./label_server.js";
import { Stage } from "./label_stage.js";

const FRESH_MS = 20_000; // between two looks at which pictures there are
const MOST_BACK = 100; // decisions that can be taken back
const MOST_BOXES = 500; // on a picture
const LARGER = 1.5;
const LOOK = 0.2; // of what is seen
const TOO_SMALL = `A box has at least ${LEAST_PX} pixels of the picture each way; make the picture larger with the wheel or +, and draw it again.`;
const by = ownId(); // tells apart who has which picture before them

const queue = new Queue();
const stage = new Stage(find("stage"));
let drafts;
let outbox;
let classes = []; // of the folder
let added = []; // classes that no saved picture has yet
let className = null; // of the next box
let open = null; // the picture on the stage: {name, state, version, marks, chosen, since_ms, ...}
let asked = 0; // counts pictures that were asked for, so that one that comes late is passed over
let ahead = null; // pixels of the next picture, fetched before they are asked for: {name, blob}
let decided = []; // decisions that can be taken back, the newest last: {name, kind}
let lost = null; // the picture that could not be shown: from there one goes on
let refused = 0;
let leftOut = 0;

const names = () => [...classes, ...added];
const marks = () => open?.marks.all ?? [];
const chosenMark = () => (open?.chosen == null ? null : marks()[open.chosen]);
const tell = (sentence, wrong = false) => say(find("said"), sentence, wrong);

const classList = new ClassList(find("class-search"), find("classes"), takeClass);
new Pointer(find("stage"), stage, {
  get marks() {
    return marks();
  },
  get chosen() {
    return open?.chosen ?? null;
  },
  choose,
  draw,
  drawing: (box) => stage.show({ drawn: open && box ? { box, className } : null }),
  change: (number, box, row) => change(number, { box }, row),
  tiny: () => tell(TOO_SMALL, true),
});

const actions = {
  accept: () => decide("accept"),
  refuse: () => decide("refuse"),
  next: () => go(1),
  previous: () => go(-1),
  nextBox: () => cycle(1),
  previousBox: () => cycle(-1),
  newBox: () => draw(begun(stage.seen, stage.size)),
  remove: () => (chosenMark() ? remove(open.chosen) : tell("No box is taken: click one, or press B.")),
  letGo: () => choose(null),
  findClass: () => classList.focus(),
  undo,
  redo: () => open?.marks.redo() && changed(),
  larger: () => (chosenMark() ? stage.zoomAround(chosenMark().box, LARGER) : stage.zoom(LARGER)),
  smaller: () => stage.zoom(1 / LARGER),
  fit: () => stage.fit(),
  names: () => stage.switchNames(),
  lookUp: () => stage.panBy(0, -LOOK),
  lookDown: () => stage.panBy(0, LOOK),
  lookLeft: () => stage.panBy(-LOOK, 0),
  lookRight: () => stage.panBy(LOOK, 0),
  help: () => find("help").showModal(),
  arrow,
  classNumber: (number) => names()[number] !== undefined && takeClass(names()[number]),
};

// --- the picture on the stage ---------------------------------------------------------------------------------------

async function show(name) {
  const mine = ++asked;
  keepDraft();
  open = null;
  stage.close();
  paint();
  if (name === null) return showEnd();
  find("stage-words").hidden = true;
  let picture;
  try {
    const blob = ahead?.name === name ? ahead.blob : pixels(name);
    ahead = null;
    blob.catch(() => {}); // it is waited for below
    picture = await details(name, by);
    if (mine !== asked) return;
    if (picture.state === "labelled" && queue.find(name)?.state === "waiting" && !pendingOf(name)) {
      queue.note(name, "labelled"); // by somebody else, meanwhile
      if (queue.filter.state === "waiting") return show(queue.next(name));
    }
    await stage.open(await blob, [picture.width_px, picture.height_px], `Picture ${name}`);
  } catch (error) {
    if (mine === asked) await showFault(name, error);
    return;
  }
  if (mine === asked) begin(picture);
}

function begin(picture) {
  const { name, state } = picture;
  const pending = pendingOf(name); // what the server says is old
  const version = pending?.version ?? picture.version;
  const saved = picture.boxes.map(({ class_name, score, box_xyxy_px }) => ({ className: class_name, score, box: box_xyxy_px, confirmed: state === "labelled" }));
  const kept = pending?.marks ?? drafts.marks(name, version);
  open = { ...picture, version, marks: new Marks(kept ?? saved, saved), chosen: null, since_ms: performance.now() };
  lost = null;
  for (const mark of marks()) knowClass(mark.className);
  className ??= names()[0] ?? null;
  showWhy(open);
  if (kept && !pending) tell("Your changes of before are here again; they are not accepted yet.");
  paint();
  find("stage").focus({ preventScroll: true });
  fetchAhead();
}

// The decision on a picture that is on its way to the server.
function pendingOf(name) {
  return drafts.decisions.find((decision) => decision.name === name);
}

function fetchAhead() {
  const name = queue.next(open.name);
  if (name === null || ahead?.name === name) return;
  const blob = pixels(name);
  blob.catch(() => {}); // it is waited for when its turn comes
  ahead = { name, blob };
}

function showEnd() {
  const isEmpty = !queue.pictures.length;
  const words = isEmpty ? "No pictures are here yet." : "Nothing is left to label among these pictures; choose others beside, or come back when more are collected.";
  find("stage-words").textContent = words;
  find("stage-words").hidden = false;
  find("why").replaceChildren();
}

function showFault(name, error) {
  if (error.status === 404) {
    queue.note(name, null);
    return show(queue.next(name));
  }
  find("stage-words").textContent = `${name} cannot be shown: ${error.message ?? "its pixels cannot be read"}. Go on with Page Down.`;
  find("stage-words").hidden = false;
  lost = name;
}

function go(direction) {
  const here = open?.name ?? lost;
  const name = queue.from(here, direction);
  if (name !== null) {
    tell("");
    show(name);
  } else tell(direction > 0 ? "This is the last of these pictures." : "This is the first of these pictures.");
}

// --- marks ----------------------------------------------------------------------------------------------------------

function draw(box) {
  if (!open) return;
  if (className === null) {
    classList.focus();
    return tell("There are no classes yet: type the name of the first one, press Enter, and draw the box again.", true);
  }
  if (marks().length >= MOST_BOXES) return tell(`${MOST_BOXES} boxes are on this picture, which is the most that it can have.`, true);
  open.chosen = open.marks.add({ className, score: null, box, confirmed: true });
  changed();
}

function change(number, part, row = null) {
  open.marks.change(number, part, row);
  changed();
}

function remove(number) {
  open.marks.remove(number);
  open.chosen = null;
  changed();
}

function changed() {
  if (open.chosen !== null && open.chosen >= marks().length) open.chosen = null;
  tell("");
  keepDraft();
  paint();
}

function choose(number) {
  if (!open) return;
  open.chosen = number;
  if (chosenMark()) className = chosenMark().className;
  paint();
}

function cycle(step) {
  const count = marks().length;
  if (count) choose(open.chosen === null ? (step > 0 ? 0 : count - 1) : (open.chosen + step + count) % count);
}

let held = 0; // numbers the rows of presses of an arrow, each of which is one change

function arrow(x, y, isResizing, isHeld) {
  const mark = chosenMark();
  if (!mark) return x && go(Math.sign(x));
  if (!isHeld) held += 1;
  const box = isResizing ? stretched(mark.box, "se", x, y, stage.size) : shifted(mark.box, x, y, stage.size);
  change(open.chosen, { box }, `arrow ${held}`);
}

function takeClass(name) {
  knowClass(name);
  className = name;
  if (chosenMark() && chosenMark().className !== name) change(open.chosen, { className: name });
  else paint();
  find("stage").focus({ preventScroll: true });
}

function knowClass(name) {
  if (!names().includes(name)) added.push(name);
}

function undo() {
  if (open?.marks.undo()) changed();
  else takeBack();
}

// What is changed and not accepted stays in this browser.
function keepDraft() {
  if (open?.marks.isChanged) drafts.keep(open.name, open.version, marks());
  else if (open) drafts.forget(open.name);
}

// --- decisions ------------------------------------------------------------------------------------------------------

function decide(kind) {
  if (!open) return;
  const { name, version, since_ms, state } = open;
  const confirmed = marks().map((mark) => ({ ...mark, confirmed: true }));
  decided = [...decided, { name, kind }].slice(-MOST_BACK);
  if (state === "waiting") queue.spent((performance.now() - since_ms) / 1000);
  const next = queue.next(name);
  queue.note(name, kind === "accept" ? "labelled" : null, confirmed.map((mark) => mark.className));
  refused += kind === "refuse";
  open = null; // what was changed goes with the decision
  hideConflict();
  outbox.put({ name, kind, version, marks: kind === "accept" ? confirmed : null });
  drafts.forget(name);
  show(next);
  tell(kind === "refuse" ? "Thrown away; Z takes that back." : "");
}

async function takeBack() {
  const last = decided.pop();
  if (!last) return tell("Nothing is left to undo.");
  if (last.kind === "accept") {
    await show(last.name);
    return tell("Open again; what you accept replaces what was saved.");
  }
  try {
    if (drafts.decisions.some(({ name }) => name === last.name)) drafts.drop(last.name); // it was never sent
    else await putBack(last.name);
    refused -= 1;
    await refresh();
    await show(last.name);
    tell("It waits again.");
  } catch (error) {
    tell(error.message, true);
  }
}

const told = {
  saved({ kind }, answer) {
    if (kind !== "accept") return;
    for (const { class_name } of answer.boxes) if (!classes.includes(class_name)) classes.push(class_name);
    added = added.filter((name) => !classes.includes(name));
    if (open?.name === answer.name && !open.marks.isChanged) open.version = answer.version;
    paint();
  },
  async conflict({ name, kind, marks: mine }, sentence) {
    if (kind === "refuse") refused -= 1;
    decided = decided.filter((decision) => decision.name !== name);
    await refresh();
    await show(name);
    if (open?.name !== name) return;
    if (mine) open.marks.put(mine);
    changed();
    tell(`${sentence}. ${mine ? "Yours is shown and not saved: Accept puts it in place of theirs." : "It was not thrown away."}`, true);
    find("conflict").hidden = !mine;
  },
  async refused({ name, version, marks: mine }, sentence) {
    if (mine) drafts.keep(name, version, mine);
    await refresh();
    await show(name);
    tell(`Not saved: ${sentence}`, true);
  },
  changed: () => showSaved(),
};

function hideConflict() {
  find("conflict").hidden = true;
}

find("theirs").addEventListener("click", async () => {
  hideConflict();
  if (!open) return;
  const { name } = open;
  drafts.forget(name);
  open = null;
  await show(name);
});

// --- what is said ---------------------------------------------------------------------------------------------------

function paint() {
  stage.show({ marks: marks(), chosen: open?.chosen ?? null, classes: names(), drawn: null });
  classList.show(names(), chosenMark()?.className ?? className);
  showBoxes(open && marks(), open?.chosen ?? null, names(), { choose, remove });
  showFilters(queue.pictures, queue.shown, leftOut);
  for (const action of ["accept", "refuse", "newBox"]) find("main").querySelector(`[data-action="${action}"]`).disabled = !open;
  const { done, all, words } = queue.progress(refused);
  find("progress").textContent = words;
  Object.assign(find("done"), { max: Math.max(1, all), value: done });
  showSaved();
}

const showSaved = () => showUnsaved(outbox?.waiting ?? 0, outbox?.trouble, open?.marks.isChanged);

async function refresh() {
  const found = await overview(by);
  leftOut = found.left_out;
  classes = found.classes;
  added = added.filter((name) => !classes.includes(name));
  queue.pictures = found.pictures;
  for (const { name, kind, marks: on } of drafts?.decisions ?? []) queue.note(name, kind === "accept" ? "labelled" : null, on?.map((mark) => mark.className));
  return found;
}

async function keepFresh() {
  if (document.hidden) return;
  try {
    await refresh();
    paint();
    if (!open && !find("stage-words").hidden && queue.shown.length && lost === null) show(queue.shown[0].name);
  } catch {
    // the next decision says that the server is away
  }
}

// --- begin ----------------------------------------------------------------------------------------------------------

fillHelp();
listenToFilters((filter) => {
  queue.filter = filter;
  const isThere = queue.shown.some((picture) => picture.name === open?.name);
  if (isThere) paint();
  else show(queue.next(open?.name ?? ""));
});
for (const element of document.querySelectorAll("[data-action]")) {
  element.addEventListener("click", ({ detail }) => {
    if (detail) find("stage").focus({ preventScroll: true }); // of a pointer: the keys go on with the picture
    actions[element.dataset.action]();
  });
}
addEventListener("beforeunload", (event) => {
  keepDraft();
  if (outbox?.waiting) event.preventDefault(); // the browser asks; what waits is kept all the same
});
addEventListener("pagehide", () => letGo(by));
addEventListener("pageshow", ({ persisted }) => persisted && open && show(open.name)); // back again: it is held anew
try {
  const { folder_id } = await refresh();
  drafts = new Drafts(folder_id);
  outbox = new Outbox(drafts, told);
  for (const { name, kind, marks: on } of drafts.decisions) queue.note(name, kind === "accept" ? "labelled" : null, on?.map((mark) => mark.className));
  listen(find("stage"), actions);
  outbox.begin();
  await show(queue.next(""));
  setInterval(keepFresh, FRESH_MS);
} catch (error) {
  find("progress").textContent = "";
  tell(error.message, true);
}
