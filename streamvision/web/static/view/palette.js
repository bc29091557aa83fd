// Colours of objects: those that the server draws with, told apart with and without full colour vision.

const COLOURS = ["#ff9900", "#29ceff", "#d13b0f", "#9650e8", "#1b9163", "#f6ff7d", "#d323a3", "#c3fad6"];
export const UNCONFIRMED = "#d6dce2"; // an object to which the tracker has given no identity yet
export const BLACK = "#0e0e0e";
export const WHITE = "#fafafa";
const ON_DARK = new Set(["#d13b0f", "#9650e8", "#1b9163", "#d323a3", BLACK]);

// The colour of an identity or a class: the same number always has the same one.
export const colourOf = (number) => COLOURS[number % COLOURS.length];

// Black or white, whichever is read better on a colour.
export const wordsOn = (colour) => (ON_DARK.has(colour) ? WHITE : BLACK);

// A colour that can be seen through; `opacity` is 0 to 1.
export const faint = (colour, opacity) => colour + Math.round(255 * opacity).toString(16).padStart(2, "0");
