// Users on the settings page: who there is, what they may see, their passwords.

import { button, find, node, say } from "./dom.js";
import { ask } from "./server.js";
import { showTokens } from "./tokens.js";

const path = (name) => `api/users/${encodeURIComponent(name)}`;
const form = find("user-form");
let changed = null; // the user whose dialog is open; null: a new one

export function manageUsers() {
  find("new-user").addEventListener("click", () => open(null));
  find("user-cancel").addEventListener("click", () => find("user").close());
  find("user-remove").addEventListener("click", () => attempt(() => ask(path(changed.name), { method: "DELETE" })));
  form.elements.role.addEventListener("change", showStreams);
  form.elements.all.addEventListener("change", showStreams);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(save);
  });
  list();
}

async function list() {
  try {
    const { users } = await ask("api/users");
    find("user-list").replaceChildren(...users.map(row));
    say(find("users-said"), users.length ? "" : "There are no users: who reaches this page may change everything.");
  } catch (error) {
    say(find("users-said"), error.message, true);
  }
}

function row(user) {
  const acts = node("div", { look: "acts", children: [button("Tokens", () => showTokens(user)), button("Change", () => open(user))] });
  acts.lastChild.setAttribute("aria-label", `Change ${user.name}`);
  acts.firstChild.setAttribute("aria-label", `Tokens of ${user.name}`);
  const cameras = user.role === "admin" || user.streams === null ? "all" : user.streams.map(cameraName).join(", ") || "none";
  return node("tr", {
    children: [
      node("td", { text: user.name }),
      node("td", { text: user.role === "admin" ? "administrator" : user.role }),
      node("td", { text: cameras }),
      node("td", { children: [acts] }),
    ],
  });
}

function open(user) {
  changed = user;
  form.reset();
  say(find("user-wrong"), "");
  find("user-title").textContent = user ? `Change ${user.name}` : "Add a user";
  find("user-name").hidden = user !== null;
  form.elements.name.required = form.elements.password.required = user === null;
  form.elements.password.placeholder = user ? "as it is" : "";
  find("user-remove").hidden = user === null;
  if (user) {
    form.elements.role.value = user.role;
    form.elements.all.checked = user.streams === null;
    for (const box of boxes()) box.checked = user.streams?.includes(box.value) ?? false;
  }
  showStreams();
  find("user").showModal();
}

// What the page calls a camera; one that is no more has only its id.
const cameraName = (id) => boxes().find((box) => box.value === id)?.parentElement.textContent.trim() ?? id;

const boxes = () => [...form.querySelectorAll('[name="stream"]')];

function showStreams() {
  find("user-streams").hidden = form.elements.role.value === "admin";
  for (const box of boxes()) box.disabled = form.elements.all.checked;
}

function save() {
  const { name, password, role, all } = form.elements;
  const everything = role.value === "admin" || all.checked;
  const body = { role: role.value, streams: everything ? null : boxes().filter((box) => box.checked).map((box) => box.value) };
  if (password.value) body.password = password.value;
  if (changed) return ask(path(changed.name), { method: "PATCH", body });
  return ask("api/users", { method: "POST", body: { name: name.value.trim(), ...body } });
}

async function attempt(act) {
  try {
    await act();
    find("user").close();
  } catch (error) {
    say(find("user-wrong"), error.message);
  }
  list();
}
