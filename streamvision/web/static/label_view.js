// How a picture lies on the stage: `scale` pixels of the screen to one of the picture, and where its corner is. No page in here.

const MOST_SCALE = 40;
const SEEN_PX = 40; // of the picture that stay on the stage, however far it is pushed

// The whole picture, as large as the stage of [width, height] lets it be.
export function fitted(size, stage) {
  const scale = Math.min(stage[0] / size[0], stage[1] / size[1]);
  return kept({ scale, x: (stage[0] - size[0] * scale) / 2, y: (stage[1] - size[1] * scale) / 2 }, size, stage);
}

// Larger or smaller by a factor, around a point of the stage that stays where it is.
export function zoomed(view, factor, [x, y], size, stage) {
  const least = fitted(size, stage).scale;
  const scale = Math.min(Math.max(MOST_SCALE, least), Math.max(least, view.scale * factor));
  if (scale === least) return fitted(size, stage);
  const grown = scale / view.scale;
  return kept({ scale, x: x - (x - view.x) * grown, y: y - (y - view.y) * grown }, size, stage);
}

export function panned(view, dx, dy, size, stage) {
  return kept({ ...view, x: view.x + dx, y: view.y + dy }, size, stage);
}

export const toPicture = (view, [x, y]) => [(x - view.x) / view.scale, (y - view.y) / view.scale];
export const toStage = (view, [x, y]) => [x * view.scale + view.x, y * view.scale + view.y];

// What of the picture is on the stage.
export function seenOf(view, size, stage) {
  const [left, top] = toPicture(view, [0, 0]);
  const [right, bottom] = toPicture(view, stage);
  return [Math.max(0, left), Math.max(0, top), Math.min(size[0], right), Math.min(size[1], bottom)];
}

function kept(view, size, stage) {
  const place = (at, side, room) => {
    const long = side * view.scale;
    if (long <= room) return (room - long) / 2;
    return Math.min(room - SEEN_PX, Math.max(SEEN_PX - long, at));
  };
  return { ...view, x: place(view.x, size[0], stage[0]), y: place(view.y, size[1], stage[1]) };
}
