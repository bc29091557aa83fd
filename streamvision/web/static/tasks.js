// What models do that find no objects, in words, by their task.

const WITHOUT_OBJECTS = {
  classify: "names the whole picture",
  semantic: "gives each pixel a class",
  embed: "describes pictures for comparison",
  depth: "measures distances",
  image: "turns the picture into another",
  text: "reads a line of text",
  cuboid: "places one object in space",
  caption: "describes the picture in a sentence",
};

// What is said in place of a list of objects where there are none.
export function withoutObjects(task) {
  const does = WITHOUT_OBJECTS[task];
  if (!does) return { short: "nothing seen yet", sentence: "Nothing seen yet." };
  return { short: does, sentence: `The model ${does}; it finds no objects.` };
}
