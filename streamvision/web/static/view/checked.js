// Records of a server, checked before anything is done with them: numbers are numbers, lists are lists, and nothing is
// endless. What is wrong in itself is left out. No page in here.

const MOST = 1000; // entries of a list
const MOST_NAMES = 100_000;
const MOST_PX = 16_384;
const MOST_LETTERS = 1000; // of a sentence

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isSize = (value) => value > 0 && value <= MOST_PX;
const isBox = (value) => Array.isArray(value) && value.length === 4 && value.every(Number.isFinite);
const fieldsOf = (value) => (isObject(value) ? value : {});
const listOf = (value, is = isObject) => (Array.isArray(value) ? value.slice(0, MOST).filter(is) : []);
const listsOf = (value) => listOf(value, Array.isArray);

// What is known of some fields is put right; others stay as they are, and none is added.
const checked = (record, checks) => ({
  ...record,
  ...Object.fromEntries(Object.entries(checks).flatMap(([name, check]) => (name in record ? [[name, check(record[name])]] : []))),
});

const OBJECT = { outlines_px: listsOf, keypoints: listsOf, obb: (obb) => (Array.isArray(obb) ? obb : null) };
const RESULT = {
  objects: (objects) => listOf(objects, (object) => isObject(object) && isBox(object.box_xyxy_px)).map((object) => checked(object, OBJECT)),
  classes: (classes) => listOf(classes),
  marks: (marks) => listOf(marks),
  key_frames: (slow) => Object.fromEntries(Object.entries(fieldsOf(slow)).filter(([, said]) => isObject(said))),
};
const REGION = { points: listsOf, directions: (names) => listOf(names, () => true) };
const SCENE = {
  names: (names) => (Array.isArray(names) ? names.slice(0, MOST_NAMES) : []),
  skeleton: listsOf,
  regions: (regions) => listOf(regions).map((region) => checked(region, REGION)),
};

// Null where it is no format of a video.
export function checkedFormat(format) {
  const { codec, width_px: width, height_px: height, sound } = fieldsOf(format);
  if (typeof codec !== "string" || !isSize(width) || !isSize(height)) return null;
  return { ...format, sound: typeof sound?.codec === "string" ? sound : null };
}

// Null where it is no packet.
export function checkedPacket(packet) {
  const { time_us: time, captured_us: captured } = fieldsOf(packet);
  return Number.isSafeInteger(time) && Number.isFinite(captured) ? packet : null;
}

// Null where it is not known of which picture it is.
export function checkedResult(result) {
  const { time_us: time = null, captured_us: captured } = fieldsOf(result);
  if (!Number.isFinite(captured) || !(time === null || Number.isFinite(time))) return null;
  return checked({ objects: [], ...result }, RESULT);
}

export const checkedScene = (scene) => checked(fieldsOf(scene), SCENE);

export function checkedNotice(notice) {
  const { layer, reason } = fieldsOf(notice);
  return { layer, reason: String(reason ?? "").slice(0, MOST_LETTERS) };
}
