// The application's addresses, wherever a proxy has put it, and requests that are answered in JSON.

const ROOT = new URL("..", import.meta.url);
const PATIENCE_MS = 40_000;

export const address = (path = "") => new URL(path, ROOT).href;
export const streamPath = (id) => `streams/${encodeURIComponent(id)}`;

// Goes to where one signs in, and from there back to this page.
export function signIn() {
  location.assign(address(`login?${new URLSearchParams({ next: `/${location.href.slice(ROOT.href.length)}` })}`));
}

export class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

// Sends JSON, or nothing; returns the answer's JSON, its Blob where it is a picture, or null where it is empty.
// `keepalive`: the request goes on when the page is closed.
export async function ask(path, { method = "GET", body, keepalive = false } = {}) {
  const headers = method === "GET" ? {} : { "Content-Type": "application/json", "X-Requested-With": "fetch" };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(address(path), { method, headers, signal, keepalive, cache: "no-store", body: body && JSON.stringify(body) });
  if (response.status === 401) signIn();
  const type = response.headers.get("Content-Type") ?? "";
  const answer = type.startsWith("application/json") ? await response.json() : null;
  if (!response.ok) throw new Refused(answer?.error ?? `the server answered ${response.status}`, response.status);
  if (answer !== null || response.status === 204) return answer;
  return type.startsWith("image/") ? response.blob() : response.text();
}
