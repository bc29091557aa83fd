// Who changed what, the newest first, on the settings page.

import { find, node, say, time } from "./dom.js";
import { ask } from "./server.js";

export function listAudit() {
  find("audit-older").addEventListener("click", () => more(find("audit-older").dataset.before));
  more(null);
}

async function more(before) {
  try {
    const { audit, next } = await ask(`api/audit${before ? `?before=${before}` : ""}`);
    find("audit-list").append(...audit.map(row));
    find("audit-older").hidden = next === null;
    find("audit-older").dataset.before = next ?? "";
    say(find("audit-said"), find("audit-list").children.length ? "" : "Nothing yet.");
  } catch (error) {
    say(find("audit-said"), error.message, true);
  }
}

function row(line) {
  const action = line.action.replace(/^[A-Z]+ /, "").replaceAll("_", " "); // of a change over HTTP the target says enough
  const what = [action, line.target].filter(Boolean).join(", ");
  return node("tr", {
    children: [
      node("td", { children: [time(line.time_unix_s)] }),
      node("td", { text: line.who, title: line.address }),
      node("td", { text: what, title: line.details && Object.keys(line.details).length ? JSON.stringify(line.details) : "" }),
    ],
  });
}
