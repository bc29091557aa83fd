// Time on a line: which part of it is shown, how it is moved and widened, and where its ticks are. No page in here.

export const LEAST_S = 10;
export const MOST_S = 31 * 86_400;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];
const TICK_PX = 92; // room that the words of a tick take

// {since, until} in seconds since 1970.
export const widthOf = ({ since, until }) => until - since;
export const share = (shown, unix_s) => (unix_s - shown.since) / widthOf(shown);
export const atShare = (shown, part) => shown.since + part * widthOf(shown);

export function around(unix_s, width_s, part = 0.5) {
  const width = Math.min(MOST_S, Math.max(LEAST_S, width_s));
  return { since: unix_s - part * width, until: unix_s + (1 - part) * width };
}

// Widened by a factor, so that a moment stays where it is.
export function zoomed(shown, factor, unix_s) {
  return around(unix_s, widthOf(shown) * factor, share(shown, unix_s));
}

export const moved = ({ since, until }, by_s) => ({ since: since + by_s, until: until + by_s });

// Moved no farther than needed to hold a moment.
export function holding(shown, unix_s) {
  const edge = 0.04 * widthOf(shown);
  if (unix_s < shown.since + edge) return moved(shown, unix_s - shown.since - edge);
  if (unix_s > shown.until - edge) return moved(shown, unix_s - shown.until + edge);
  return shown;
}

// [{at, words}] at round local times, as many as there is room for.
export function ticks(shown, width_px) {
  const step = STEPS_S.find((one) => (one / widthOf(shown)) * width_px >= TICK_PX) ?? STEPS_S.at(-1);
  const offset = zone(shown.since);
  const found = [];
  for (let at = Math.ceil((shown.since - offset) / step) * step + offset; at <= shown.until; at += step) {
    const local = at + offset - zone(at); // midnight is midnight though the clocks were changed meanwhile
    found.push({ at: step >= 3600 ? local : at, words: words(step >= 3600 ? local : at, step) });
  }
  return found;
}

// What is to be added to a local time to get the one of UTC, in seconds; signed as `getTimezoneOffset`.
const zone = (unix_s) => new Date(unix_s * 1000).getTimezoneOffset() * 60;

const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const SECOND = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function words(at, step) {
  const date = new Date(at * 1000);
  if (date.getHours() + date.getMinutes() + date.getSeconds() === 0) return DAY.format(date);
  return (step < 60 ? SECOND : MINUTE).format(date);
}

export const clock = (unix_s) => SECOND.format(unix_s * 1000);
export const moment = (unix_s) => MOMENT.format(unix_s * 1000);

// "12 Mar 2026, 10:15:00 – 10:20:00", with both days where they differ.
export function spanWords({ since, until }) {
  const sameDay = new Date(since * 1000).toDateString() === new Date(until * 1000).toDateString();
  return `${moment(since)} – ${sameDay ? clock(until) : moment(until)}`;
}

// For inputs of the type datetime-local, which know local time alone.
export function localTime(unix_s) {
  const at = new Date(unix_s * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
export const fromLocalTime = (text) => (text ? new Date(text).getTime() / 1000 : null);
