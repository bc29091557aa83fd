// Why a server's streams cannot be shown, in one sentence for the person who put them into a page.

const TIMEOUT_MS = 8000;
const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;

// Reads the address of a server, with or without the path of a proxy; throws a sentence where it is none.
export function rootOf(src, base) {
  if (!src) throw new Error("The attribute src is missing; give the address of StreamVision, such as https://cams.example:8080.");
  let root;
  try {
    root = new URL(src, base);
  } catch {
    throw new Error(`${src} is no address; give that of StreamVision, such as https://cams.example:8080.`);
  }
  if (!/^https?:$/.test(root.protocol)) throw new Error(`${src} is no address of a server; give one that begins with https:// or http://.`);
  if (root.username || root.password) throw new Error("An address has no place for a password; give a token by the attribute token.");
  if (!root.pathname.endsWith("/")) root.pathname += "/";
  root.search = root.hash = "";
  return root;
}

// Throws a sentence where a token has characters that none has; browsers would say something unclear.
export function checkToken(token) {
  if (!/^[\w-]*$/.test(token)) throw new Error("The token has characters that no token has; copy it anew, as it was shown once.");
}

export function notAStream(stream, streams) {
  const ids = streams.map(({ id }) => id).join(", ");
  return `There is no stream ${stream} that may be seen with this token; ${ids ? `the streams are: ${ids}` : "it may see none"}.`;
}

// A server as seen by a page, which may be another site's.
export class Server {
  #root;
  #token;

  constructor(root, token) {
    this.#root = root;
    this.#token = token;
  }

  get headers() {
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
  }

  // Gives {streams}, their statuses, or {reason}, why they cannot be had.
  async streams() {
    const violations = [];
    const note = ({ effectiveDirective, blockedURI }) => violations.push([effectiveDirective, blockedURI]);
    document.addEventListener("securitypolicyviolation", note);
    try {
      const address = new URL("api/streams", this.#root);
      const response = await fetch(address, { headers: this.headers, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
      const answer = await response.json().catch(() => null);
      if (Array.isArray(answer?.streams)) return { streams: answer.streams };
      return { reason: this.#refusal(response.status, answer?.error) };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 0)); // violations are told in a task of their own
      return { reason: this.#silence(violations) };
    } finally {
      document.removeEventListener("securitypolicyviolation", note);
    }
  }

  #refusal(status, sentence) {
    const { origin, href } = this.#root;
    if (status === 401 && this.#token) return `The token is not accepted by ${origin}; it is wrong, has ended or was revoked.`;
    if (status === 401) return `${origin} asks for a token; give that of a viewer by the attribute token.`;
    if (sentence) return `${origin} refuses: ${sentence}.`;
    return `${href} does not answer as StreamVision does; give the address of its page.`;
  }

  // A browser does not tell a script why nothing came.
  #silence(violations) {
    const { origin, protocol, hostname, host } = this.#root;
    if (violations.some(([directive, uri]) => directive === "connect-src" && uri.startsWith(origin))) {
      return `The Content-Security-Policy of this page forbids connections to ${origin}; add ${origin} and ${origin.replace("http", "ws")} to its connect-src.`;
    }
    if (location.protocol === "https:" && protocol === "http:" && !LOOPBACK.test(hostname)) {
      return `A page that came by HTTPS can load nothing from ${origin}; serve StreamVision by HTTPS, and give https://${host}.`;
    }
    if (origin === location.origin) return `${origin} cannot be reached.`;
    return `${origin} cannot be reached, or does not let pages of ${location.origin} show its streams: name this origin in serve.embed_origins there.`;
  }
}
