// Where objects are between two results, and after the newest. Results have `objects`, and
// `at_us`, their time in microseconds.

const LONGEST_CARRY_S = 0.5;
const MOST_UNKNOWN = 100; // objects without an identity that are compared

// The result of a moment between two others.
export function between(before, after, at_us) {
  const part = (at_us - before.at_us) / (after.at_us - before.at_us);
  const later = matches(before.objects, after.objects);
  const objects = before.objects.flatMap((object) => {
    const other = later.get(object);
    if (other) return [mixed(object, other, part)];
    return part < 0.5 ? [object] : []; // it is not there any more
  });
  const known = new Set(later.values());
  if (part >= 0.5) objects.push(...after.objects.filter((object) => !known.has(object)));
  return { ...before, at_us, objects };
}

// The newest result as it is a while later: objects go on as they moved from the one before it.
export function carried(previous, newest, at_us) {
  const past_us = previous ? newest.at_us - previous.at_us : 0;
  if (past_us <= 0) return { ...newest, at_us };
  const ahead = Math.min(at_us - newest.at_us, LONGEST_CARRY_S * 1e6) / past_us;
  const earlier = matches(newest.objects, previous.objects);
  const objects = newest.objects.map((object) => {
    const other = earlier.get(object);
    return other ? mixed(other, object, 1 + ahead) : object;
  });
  return { ...newest, at_us, objects };
}

// Which of some objects is which of others: by identity, else those of one class that overlap most.
function matches(objects, others) {
  const found = new Map();
  const known = new Map(others.filter(({ track_id: id }) => id !== null).map((other) => [other.track_id, other]));
  for (const object of objects) if (object.track_id !== null && known.has(object.track_id)) found.set(object, known.get(object.track_id));
  const taken = new Set(found.values());
  const free = objects.filter((object) => !found.has(object)).slice(0, MOST_UNKNOWN);
  const rest = others.filter((other) => !taken.has(other)).slice(0, MOST_UNKNOWN);
  const pairs = free.flatMap((object) =>
    rest.filter((other) => couldBe(object, other)).map((other) => ({ object, other, share: overlap(object.box_xyxy_px, other.box_xyxy_px) })),
  );
  for (const { object, other, share } of pairs.sort((a, b) => b.share - a.share)) {
    if (share <= 0 || found.has(object) || taken.has(other)) continue;
    found.set(object, other);
    taken.add(other);
  }
  return found;
}

const couldBe = (a, b) => a.class_id === b.class_id && (a.track_id === null || b.track_id === null);

// What two boxes have in common, as a share of both together.
export function overlap(a, b) {
  const area = ([left, top, right, bottom]) => Math.max(0, right - left) * Math.max(0, bottom - top);
  const common = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  return common / (area(a) + area(b) - common || 1);
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
