// How each class looks: a colour and a form, so that neither alone has to tell it.

const COLOURS = 8;
const FORMS = [
  "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0Z",
  "M-.9-.9H.9V.9H-.9Z",
  "M0-1.25 1.25 0 0 1.25-1.25 0Z",
  "M0-1.2 1.2.95H-1.2Z",
  "M-1.15 0-.58-1H.58L1.15 0 .58 1H-.58Z",
];
const counts = classes.map(() => 0);
for (const one of objects) counts[one.class] += 1;
const byCount = classes.map((_, index) => index).sort((a, b) => counts[b] - counts[a] || a - b);
const rank = new Map(byCount.map((index, place) => [index, place]));
const colourOf = (index) => rank.get(index) % COLOURS;
const formOf = (index) => rank.get(index) % FORMS.length;

// The mark of a class, or of an object: a limit looks like its sign.
function mark(index, { limit = null, gone = false } = {}) {
  const inner = limit === null
    ? [svg("path", { d: FORMS[formOf(index)], class: `class-${colourOf(index)}`, transform: "scale(7)" })]
    : [svg("circle", { r: 8.4, class: "sign" }), svg("text", { y: 2.9, class: limit > 99 ? "sign-words small" : "sign-words" }, [String(limit)])];
  if (gone) inner.push(svg("path", { d: "M-8 8 8-8", class: "crossed" }));
  return svg("svg", { viewBox: "-10 -10 20 20", width: 20, height: 20, class: "mark", "aria-hidden": "true" }, inner);
}

const markOf = (one) => mark(one.class, { limit: one.limit_kmh, gone: one.gone });
