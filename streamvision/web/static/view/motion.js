// Where objects are between two results, and after the newest. Results have `objects`, and
// `at_us`, their time in microseconds.

const LONGEST_CARRY_S = 0.5;

// The result of a moment between two others.
export function between(before, after, at_us) {
  const part = (at_us - before.at_us) / (after.at_us - before.at_us);
  const later = byTrack(after);
  const objects = before.objects.flatMap((object) => {
    const other = later.get(object.track_id);
    if (other) return [mixed(object, other, part)];
    return part < 0.5 ? [object] : []; // it is not there any more
  });
  if (part >= 0.5) {
    const known = byTrack(before);
    objects.push(...after.objects.filter(({ track_id: id }) => !known.has(id)));
  }
  return { ...before, at_us, objects };
}

// The newest result as it is a while later: objects go on as they moved from the one before it.
export function carried(previous, newest, at_us) {
  const past_us = previous ? newest.at_us - previous.at_us : 0;
  if (past_us <= 0) return { ...newest, at_us };
  const ahead = Math.min(at_us - newest.at_us, LONGEST_CARRY_S * 1e6) / past_us;
  const earlier = byTrack(previous);
  const objects = newest.objects.map((object) => {
    const other = earlier.get(object.track_id);
    return other ? mixed(other, object, 1 + ahead) : object;
  });
  return { ...newest, at_us, objects };
}

function byTrack({ objects }) {
  return new Map(objects.filter(({ track_id: id }) => id !== null).map((object) => [object.track_id, object]));
}

// An object on the way from one place to the other, 0 to 1, or beyond. What has a shape goes along with its box.
function mixed(from, to, part) {
  const box = from.box_xyxy_px.map((start, n) => start + part * (to.box_xyxy_px[n] - start));
  const nearest = part < 0.5 ? from : to;
  return { ...withShapes(nearest, box), box_xyxy_px: box };
}

function withShapes(object, box) {
  const [left, top, right, bottom] = object.box_xyxy_px;
  const scale = [(box[2] - box[0]) / (right - left || 1), (box[3] - box[1]) / (bottom - top || 1)];
  const place = ([x, y, ...rest]) => [box[0] + (x - left) * scale[0], box[1] + (y - top) * scale[1], ...rest];
  const moved = { ...object };
  if (object.outlines_px) moved.outlines_px = object.outlines_px.map((outline) => pairs(outline).flatMap(place));
  if (object.keypoints) moved.keypoints = object.keypoints.map(place);
  if (object.obb) {
    const [x, y, width, height, ...rest] = object.obb;
    moved.obb = [...place([x, y]), width * scale[0], height * scale[1], ...rest];
  }
  return moved;
}

// [[x, y], ...] of [x, y, x, y, ...].
const pairs = (flat) => Array.from({ length: flat.length >> 1 }, (_, n) => [flat[2 * n], flat[2 * n + 1]]);
