// Where labels go: beside their box, inside the picture, and not on each other while there is room.

// [{left, top}] of labels, the most important first: the first of five places that is free, or else the one that covers
// least. `boxes` and `taken` are [left, top, right, bottom], `sizes` [width, height], all in pixels of the canvas;
// `gap` is how far a box's line reaches beyond the box.
export function placeLabels(boxes, sizes, { picture, taken, gap }) {
  const inUse = [...taken];
  return boxes.map((box, at) => {
    let best = null;
    let least = Infinity;
    for (const place of candidates(box, sizes[at], picture, gap)) {
      const covered = inUse.reduce((sum, used) => sum + shared(used, place), 0);
      if (covered < least) [best, least] = [place, covered];
      if (!covered) break;
    }
    inUse.push(best);
    return { left: best[0], top: best[1] };
  });
}

// Above the box, below it, inside at the top, inside at the bottom, above flush right.
function candidates(box, [width, height], picture, gap) {
  const [left, above, below] = [box[0] - gap, box[1] - gap - height, box[3] + gap];
  const corners = [[left, above], [left, below], [left, box[1] - gap], [left, below - height], [box[2] + gap - width, above]];
  return corners.map(([x, y]) => {
    const inside = [within(x, picture[0], picture[2] - width), within(y, picture[1], picture[3] - height)];
    return [...inside, inside[0] + width, inside[1] + height];
  });
}

const within = (value, least, most) => Math.round(Math.max(Math.min(value, most), least));

function shared(a, b) {
  const [width, height] = [Math.min(a[2], b[2]) - Math.max(a[0], b[0]), Math.min(a[3], b[3]) - Math.max(a[1], b[1])];
  return width > 0 && height > 0 ? width * height : 0;
}
