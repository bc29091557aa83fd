// What networks say that is neither objects nor classes: numbers, sentences, pictures, and how an object stands in space.
// Plain JavaScript, no libraries.

const SPECIAL = ["<end>", "<unknown>"], NO_SPACE_BEFORE = ",.;:!?%)", MOST_WORDS = 256, BINS = 2, MOST_LOG = 10;

/** Numbers by name: [{name, value, unit}]; outputs with more than one value are the probabilities of classes. */
export function numbers(outputs, { numbers: said }) {
  const values = outputs.filter(({ data }) => data.length === 1).map(({ data }) => Number(data[0]));
  return values.map((value, at) => ({ name: said[at].name, value, unit: said[at].unit ?? null }));
}

/** A sentence, {text, wordScores}: words and how probable each is. `names` are the words by their numbers, 0 is the end. */
export function sentence([tokens, probabilities], names) {
  const ids = Array.from(tokens.data, (value) => Math.round(Number(value))), end = ids.indexOf(0);
  const count = Math.min(end < 0 ? ids.length : end, MOST_WORDS), words = ids.slice(0, count).map((id) => names[id]);
  const text = words.filter((word) => !SPECIAL.includes(word))
    .map((word) => (word && NO_SPACE_BEFORE.includes(word) ? word : ` ${word}`)).join("").trim();
  return { text, wordScores: Array.from(probabilities.data.subarray(0, count)) };
}

/** How the object on a crop stands: {length, width, height} in metres; `alpha`, the yaw against the ray to it, in radians;
 *  `depthFactor`; where its middle is, `offsetX` and `offsetY` from the box's middle in shares of its sides; and `spread`, the
 *  standard deviation of the distance's logarithm (Mousavian et al., CVPR 2017). */
export function cuboid([{ data }]) {
  const [length, width, height] = data, best = data[4] > data[3] ? 1 : 0, at = 3 + BINS + 2 * best;
  const [logRatio, offsetX, offsetY, logSpread] = data.subarray(3 + 3 * BINS);
  const exponential = (value) => Math.exp(Math.min(Math.max(value, -MOST_LOG), MOST_LOG));
  const alpha = wrapped((2 * Math.PI * best) / BINS + Math.atan2(data[at + 1], data[at]));
  return { length, width, height, alpha, depthFactor: exponential(logRatio), offsetX, offsetY, spread: exponential(logSpread) };
}

/** How far ahead the middle of a cuboid is in metres, by the height of its box on the picture and the camera's focal length, both in
 *  pixels. */
export const distanceOf = ({ height, depthFactor }, boxHeight, focal) => ((focal * height) / boxHeight) * depthFactor;

/** The picture that was made, {width, height, rgba}, cut to the part that shows something. */
export function madePicture([{ data, dims }], place, { input, picture }) {
  const { scale, mean, std, color } = picture ?? input, planar = dims[1] === 3;
  const [rows, columns] = planar ? dims.slice(2) : dims.slice(1), area = rows * columns;
  const edge = (value, cells, pixels) => halfEven((value * cells) / pixels);
  const top = edge(Math.max(place.top, 0), rows, input.height_px), left = edge(Math.max(place.left, 0), columns, input.width_px);
  const height = edge(Math.min(place.top + place.contentHeight, input.height_px), rows, input.height_px) - top;
  const width = edge(Math.min(place.left + place.contentWidth, input.width_px), columns, input.width_px) - left;
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      for (let channel = 0; channel < 3; channel++) {
        const cell = (top + y) * columns + left + x, value = data[planar ? channel * area + cell : 3 * cell + channel];
        // A clamped array rounds and cuts at 0 and 255 by itself.
        rgba[at + (color === "rgb" ? channel : 2 - channel)] = (value * (std?.[channel] ?? 1) + (mean?.[channel] ?? 0)) / scale;
      }
    }
  }
  return { width, height, rgba };
}

/** What differs between two answers, one sentence each. */
export function differentAnswers(found, expected, tolerance) {
  const off = (one, other) => !(Math.abs(one - other) <= tolerance.number * Math.max(Math.abs(other), 1));
  const wrong = expected.numbers.flatMap(({ name, value }, at) => {
    const other = found.numbers[at]?.value ?? NaN;
    return off(other, value) ? [`the number ${name} is ${other}, not ${value}`] : [];
  });
  if (expected.sentence) {
    const [ours, theirs] = [found.sentence?.text ?? "", expected.sentence.text].map((text) => text.split(" "));
    const same = theirs.filter((word, at) => ours[at] === word).length / Math.max(ours.length, theirs.length);
    if (same < tolerance.same_words) wrong.push(`the sentence is ${JSON.stringify(ours.join(" "))}`);
    expected.sentence.wordScores.forEach((score, at) => {
      const other = found.sentence?.wordScores[at];
      if (same === 1 && !(Math.abs(other - score) <= tolerance.class_score)) wrong.push(`word ${at} has the probability ${other}`);
    });
  }
  for (const [name, value] of Object.entries(expected.cuboid ?? {})) {
    const other = found.cuboid?.[name] ?? NaN;
    if (off(name === "alpha" ? value + wrapped(other - value) : other, value)) wrong.push(`${name} of the cuboid is ${other}, not ${value}`);
  }
  if (expected.picture) {
    const [ours, theirs] = [found.picture?.rgba ?? [], expected.picture.rgba];
    const mean = ours.length === theirs.length ? theirs.reduce((sum, level, at) => sum + Math.abs(level - ours[at]), 0) / theirs.length : Infinity;
    if (!(mean <= tolerance.levels)) wrong.push(`the picture is off by ${mean} levels on average`);
  }
  return wrong;
}

function wrapped(angle) {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

function halfEven(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}
