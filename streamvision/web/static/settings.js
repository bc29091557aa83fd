// The settings page: what holds for all cameras. Users and the audit are in files of their own.

import "./page.js";
import { listAudit } from "./audit.js";
import { find, say } from "./dom.js";
import { DRAWN, Fields, FOUND } from "./fields.js";
import { manageModels } from "./models.js";
import { manageNotify } from "./notify.js";
import { ask } from "./server.js";
import { manageUsers } from "./users.js";

const KEPT = [
  { key: "event_log.days", words: "For so many days", kind: "number", min: 0, step: "any" },
  { key: "event_log.kept", words: "At most so many events", kind: "number", min: 1, step: 1 },
  { key: "event_log.pictures_kept", words: "At most so many pictures", kind: "number", min: 1, step: 1 },
  { key: "event_log.pictures", words: "With pictures", kind: "flag" },
];
const RECORDED = [
  {
    key: "recording.mode",
    words: "Cameras are recorded",
    kind: "choice",
    choices: { off: "not", events: "around events", continuous: "all the time" },
  },
  { key: "recording.pre_s", words: "Before an event, in seconds", kind: "number", min: 0, max: 120, step: "any" },
  { key: "recording.post_s", words: "After an event, in seconds", kind: "number", min: 0, max: 600, step: "any" },
  { key: "recording.sound", words: "With sound", kind: "flag" },
  { key: "recording.gb", words: "At most so many gigabytes in all", kind: "number", min: 0, step: "any" },
  { key: "recording.min_free_gb", words: "Left free on the disk, in gigabytes", kind: "number", min: 0, step: "any" },
  { key: "recording.continuous.days", words: "All the time: for so many days", kind: "number", min: 0, step: "any" },
  { key: "recording.continuous.gb", words: "All the time: at most so many gigabytes", kind: "number", min: 0, step: "any", otherwise: "no bound" },
  { key: "recording.events.days", words: "Around events: for so many days", kind: "number", min: 0, step: "any" },
  { key: "recording.events.gb", words: "Around events: at most so many gigabytes", kind: "number", min: 0, step: "any", otherwise: "no bound" },
];
const groups = [
  new Fields(find("run-found"), FOUND),
  new Fields(find("run-drawn"), DRAWN),
  new Fields(find("run-kept"), KEPT),
  new Fields(find("run-recorded"), RECORDED),
];

const said = find("run-said");

find("run").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const settings = await ask("api/settings", { method: "PATCH", body: Object.assign({}, ...groups.map((group) => group.patch)) });
    for (const group of groups) group.show(settings);
    say(said, "Saved.");
  } catch (error) {
    say(said, error.message, true);
  }
});

if (find("models")) manageModels();
try {
  const settings = await ask("api/settings");
  for (const group of groups) group.show(settings);
  await manageNotify(settings.notify);
} catch (error) {
  say(said, error.message, true);
}
if (find("users")) {
  manageUsers();
  listAudit();
}
