// Which streams the wall shows, and where. No page in here.

export const LAYOUTS = ["auto", "2x2", "3x3", "focus"];
const SIDE = { "2x2": 2, "3x3": 3 };
const NARROWEST_PX = 300; // of a tile with its caption
const BESIDE_MOST = 8; // streams beside the large one, before they are paged
const WIDTHS_PX = [160, 320, 480, 640, 960, 1280]; // what the server scales to
const WHOLE_PX = 4096; // wider than that it scales nothing

// {shown, large, page, pages, columns, rows} of one page of the wall, `rows` null where it scrolls; `size` is the room in
// pixels, `chosen` the large stream.
export function arrangement(layout, ids, { page, chosen, size }) {
  if (layout === "auto") return { shown: ids, large: null, page: 0, pages: 1, ...fitted(ids.length, size) };
  if (layout === "focus") return beside(ids, page, ids.includes(chosen) ? chosen : ids[0]);
  const side = SIDE[layout];
  const part = pageOf(ids, page, side * side);
  const columns = Math.min(side, part.shown.length);
  return { ...part, large: null, columns, rows: Math.ceil(part.shown.length / columns) };
}

function beside(ids, page, large) {
  const part = pageOf(ids.filter((id) => id !== large), page, BESIDE_MOST);
  const shown = ids.filter((id) => id === large || part.shown.includes(id));
  return { ...part, shown, large, columns: 2, rows: Math.max(3, part.shown.length) };
}

function pageOf(ids, asked, length) {
  const pages = Math.max(1, Math.ceil(ids.length / length));
  const page = Math.min(asked, pages - 1);
  return { shown: ids.slice(page * length, (page + 1) * length), page, pages };
}

// As many columns as make the tiles largest while all fit into the window. Where none do, as many as can be read, and
// the page scrolls; not on a full screen, which has nothing but pictures.
function fitted(count, size) {
  const { width_px, gap_px, full } = size;
  const most = Math.max(1, Math.floor((width_px + gap_px) / (NARROWEST_PX + gap_px)));
  const choices = Array.from({ length: Math.max(1, full ? count : Math.min(most, count)) }, (_, at) => at + 1);
  const widths_px = choices.map((columns) => tileWidth(columns, Math.ceil(count / columns), size));
  const widest_px = Math.max(...widths_px);
  const columns = choices[widths_px.indexOf(widest_px)];
  if (full) return { columns, rows: Math.ceil(count / columns), most_wide_px: null };
  if (widest_px < NARROWEST_PX) return { columns: choices.at(-1), rows: null, most_wide_px: null };
  return { columns, rows: null, most_wide_px: columns * (widest_px + gap_px) - gap_px };
}

function tileWidth(columns, rows, { width_px, height_px, gap_px, around_px }) {
  const high_px = (height_px - (rows - 1) * gap_px) / rows - around_px;
  return Math.min((width_px - (columns - 1) * gap_px) / columns, (high_px * 16) / 9);
}

// The width to ask for, so that a window that is drawn wider does not ask at each pixel.
export function askedWidth(shown_px) {
  return WIDTHS_PX.find((width_px) => width_px >= shown_px) ?? WHOLE_PX;
}
