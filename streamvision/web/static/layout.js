// Which streams the wall shows, and where. No page in here.

export const LAYOUTS = ["auto", "2x2", "3x3", "focus"];
const SIDE = { "2x2": 2, "3x3": 3 };
const NARROWEST_PX = 300; // of a tile with its caption
const BESIDE_MOST = 8; // streams beside the large one, before they are paged
const WIDTHS_PX = [160, 320, 480, 640, 960, 1280]; // what the server scales to
const WHOLE_PX = 4096; // wider than that it scales nothing

// {shown, large, pages, columns, rows} of one page of the wall; `size` is the room in pixels, `chosen` the large stream.
export function arrangement(layout, ids, { page, chosen, size }) {
  if (layout === "auto") return { shown: ids, large: null, page: 0, pages: 1, rows: null, ...fitted(ids.length, size) };
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

// As many columns as make the tiles largest while all fit into the window; where none do, as many as can be read.
function fitted(count, { width_px, height_px, gap_px, around_px }) {
  const most = Math.max(1, Math.floor((width_px + gap_px) / (NARROWEST_PX + gap_px)));
  let best = { columns: 1, tile_px: 0 };
  for (let columns = 1; columns <= Math.min(most, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const high_px = (height_px - (rows - 1) * gap_px) / rows - around_px;
    const tile_px = Math.min((width_px - (columns - 1) * gap_px) / columns, (high_px * 16) / 9);
    if (tile_px > best.tile_px) best = { columns, tile_px };
  }
  if (best.tile_px < NARROWEST_PX) return { columns: Math.max(1, Math.min(most, count)), most_wide_px: null };
  return { columns: best.columns, most_wide_px: best.columns * (best.tile_px + gap_px) - gap_px };
}

// The width to ask for, so that a window that is drawn wider does not ask at each pixel.
export function askedWidth(shown_px) {
  return WIDTHS_PX.find((width_px) => width_px >= shown_px) ?? WHOLE_PX;
}
