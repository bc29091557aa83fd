// What is chosen, and who wants to know of it.

const filters = { classes: new Set(), drive: null, state: "all", words: "", order: "time" };
const chosen = { object: null, drive: 0, moment_s: null };
const heard = { objects: [], object: [], drive: [], moment: [] };
let shown = objects;

const hear = (kind, act) => heard[kind].push(act);
const tell = (kind) => heard[kind].forEach((act) => act());

const STATES = {
  all: () => true,
  seen: (one) => !one.gone,
  gone: (one) => one.gone,
  placed: (one) => one.at !== null,
  unplaced: (one) => one.at === null,
};
const worse = (value) => value ?? Infinity;
const ORDERS = {
  time: (a, b) => a.first - b.first,
  late: (a, b) => b.last - a.last,
  class: (a, b) => className(a).localeCompare(className(b)) || a.first - b.first,
  score: (a, b) => (b.best ?? 0) - (a.best ?? 0),
  error: (a, b) => worse(a.error_m) - worse(b.error_m),
};

function fits(one) {
  if (filters.classes.size && !filters.classes.has(one.class)) return false;
  if (filters.drive !== null && !one.drives.includes(filters.drive)) return false;
  if (!STATES[filters.state](one)) return false;
  return !filters.words || String(one.id) === filters.words || objectName(one).toLowerCase().includes(filters.words);
}

function filter() {
  shown = objects.filter(fits).sort((a, b) => ORDERS[filters.order](a, b) || a.id - b.id);
  tell("objects");
}

function chooseObject(one) {
  chosen.object = one;
  const view = one?.views.find(([drive]) => drive === chosen.drive) ?? one?.views[0];
  if (view) chooseMoment(view[0], view[2] - drives[view[0]].start);
  tell("object");
  announce(one ? `${objectName(one)}, number ${one.id}, chosen` : "No object chosen");
}

function chooseDrive(index) {
  if (index !== chosen.drive) Object.assign(chosen, { drive: index, moment_s: null });
  tell("drive");
}

function chooseMoment(drive, seconds) {
  if (drive !== chosen.drive) chooseDrive(drive);
  chosen.moment_s = Math.min(Math.max(seconds, 0), drives[drive].end - drives[drive].start);
  tell("moment");
}

// What is known of a moment of a drive: place, speed, course and the limit that was seen last.
function momentOf(drive, seconds) {
  const { step_s, latitude, longitude, speed, course_deg } = drive.moments;
  const index = Math.min(Math.max(Math.round(seconds / step_s), 0), latitude.length - 1);
  const limit = limitsOf(drive).findLast((one) => one.from_s <= seconds) ?? null;
  return {
    at: latitude[index] === null ? null : [latitude[index], longitude[index]],
    kmh: speed[index] === null ? null : speed[index] / 10,
    course_deg: course_deg[index],
    limit,
  };
}

const limits = new Map();

function limitsOf(drive) {
  if (!limits.has(drive)) {
    const index = drives.indexOf(drive);
    const seen = objects.filter((one) => one.limit_kmh !== null).flatMap((one) => one.views
      .filter((view) => view[0] === index)
      .map((view) => ({ from_s: view[2] - drive.start, kmh: one.limit_kmh, object: one })));
    limits.set(drive, seen.sort((a, b) => a.from_s - b.from_s));
  }
  return limits.get(drive);
}
