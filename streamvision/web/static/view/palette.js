// Colours of objects: those that the server draws with, told apart with and without full colour vision.

const COLOURS = ["#ff9900", "#29ceff", "#d13b0f", "#9650e8", "#1b9163", "#f6ff7d", "#d323a3", "#c3fad6"];
export const UNCONFIRMED = "#d6dce2"; // an object to which the tracker has given no identity yet
export const BLACK = "#0e0e0e";
export const WHITE = "#fafafa";

// The colour of an identity or a class: the same number always has the same one.
export const colourOf = (number) => COLOURS[number % COLOURS.length] ?? UNCONFIRMED;

// Black or white, whichever is read better on a colour.
export function wordsOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue >= 125 ? BLACK : WHITE; // ITU-R BT.601
}

// A colour that can be seen through; `opacity` is 0 to 1.
export const faint = (colour, opacity) => colour + Math.round(255 * opacity).toString(16).padStart(2, "0");
