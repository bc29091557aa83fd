// What was in a region: where something moved, and which objects were there.

import { ask } from "./server.js";

const MOVED = 0.02; // share of the region that changed
const NEAR_S = 6; // what moved within as much is one moment
const MOST_S = 4 * 3600; // that the server takes at a time
const MOST = 200;
const BUSY_MS = 1500;

const listed = (polygon) => polygon.flat().join(",");

// Yields {moments, until} as far as it has been looked; `moments`: {stream, at, until, share}, the oldest first.
export async function* motion(stream, { since, until }, polygon, isWanted) {
  const moments = [];
  let from = since;
  while (from < until && moments.length < MOST && isWanted()) {
    const query = new URLSearchParams({ stream, since: from, until: Math.min(until, from + MOST_S), polygon: listed(polygon) });
    const answer = await patiently(`api/recordings/motion?${query}`, isWanted);
    if (answer === null) return;
    for (const { time_unix_s: at, share } of answer.moments) if (share >= MOVED) join(moments, { stream, at, until: at, share });
    from = answer.until;
    yield { moments, until: from };
  }
}

function join(moments, one) {
  const last = moments.at(-1);
  if (!last || one.at - last.until > NEAR_S) moments.push({ ...one, until: one.at + 1 });
  else Object.assign(last, { until: one.at + 1, share: Math.max(last.share, one.share) });
}

async function patiently(path, isWanted) {
  while (isWanted()) {
    try {
      return await ask(path);
    } catch (error) {
      if (error.status !== 503) throw error; // else somebody else looks for something
      await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
    }
  }
  return null;
}

// Gives the objects that were there, as `motion` gives moments, each with its `object`.
export async function objects(stream, { since, until }, polygon, className) {
  const given = { streams: stream, since, until, polygon: listed(polygon), limit: MOST, ...(className && { class: className }) };
  const { tracklets } = await ask(`api/tracklets?${new URLSearchParams(given)}`);
  return tracklets
    .map((object) => ({ stream: object.stream, at: object.first_unix_s, until: Math.max(object.last_unix_s, object.first_unix_s + 1), object }))
    .sort((a, b) => a.at - b.at);
}
