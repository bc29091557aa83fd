// The tokens of one user, in a dialog.

import { button, day, find, node, say } from "./dom.js";
import { ask } from "./server.js";

const form = find("token-form");
let owner = null;

find("tokens-close")?.addEventListener("click", () => find("tokens").close());
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(make);
});

export function showTokens(user) {
  owner = user;
  form.reset();
  find("tokens-title").textContent = `Tokens of ${user.name}`;
  find("token-made").hidden = true;
  find("token-list").replaceChildren();
  find("tokens").showModal();
  attempt(() => null);
}

const path = () => `api/users/${encodeURIComponent(owner.name)}/tokens`;

async function make() {
  const scopes = [...form.querySelectorAll('[name="scope"]:checked')].map((box) => box.value);
  const days = form.elements.expires_days.value;
  const body = { name: form.elements.name.value.trim(), scopes, expires_days: days ? Number(days) : null };
  const { token } = await ask(path(), { method: "POST", body });
  form.reset();
  find("token-made").hidden = false;
  find("token-text").value = token;
  find("token-text").select();
}

async function attempt(act) {
  try {
    await act();
    say(find("token-wrong"), "");
    const { tokens } = await ask(path());
    find("token-list").replaceChildren(...tokens.map(line));
  } catch (error) {
    say(find("token-wrong"), error.message);
  }
}

function line(token) {
  const until = token.expires_unix_s ? `until ${day(token.expires_unix_s)}` : "without end";
  const used = token.used_unix_s ? `, last used ${day(token.used_unix_s)}` : ", never used";
  const remove = button("Remove", () => attempt(() => ask(`api/tokens/${token.id}`, { method: "DELETE" })), "button grave");
  remove.setAttribute("aria-label", `Remove the token ${token.name}`);
  return node("li", { children: [node("strong", { text: token.name }), node("span", { look: "hint", text: `${token.scopes.join(", ")}; ${until}${used}` }), remove] });
}
