// What is marked on one picture, with all that can be undone. A mark is {className, score, box, confirmed}: `score` is the
// model's, null where somebody has drawn it; `confirmed` says that somebody has touched it, or has accepted the picture.

const MOST_STEPS = 200;

export class Marks {
  #now;
  #saved;
  #past = [];
  #future = [];
  #joined = null; // name of the row of changes that the newest one belongs to

  // `saved`: what the server has, where this is a draft that goes beyond it.
  constructor(marks, saved = marks) {
    this.#now = marks;
    this.#saved = saved;
    if (marks !== saved) this.#past = [saved];
  }

  get all() {
    return this.#now;
  }

  get isChanged() {
    return this.#now !== this.#saved;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  // Changes of a row (`row`: any name, the same for all of them) are undone together, as those of an arrow that is held.
  put(marks, row = null) {
    if (row === null || row !== this.#joined) this.#past = [...this.#past, this.#now].slice(-MOST_STEPS);
    this.#joined = row;
    this.#future = [];
    this.#now = marks;
  }

  add(mark) {
    this.put([...this.#now, mark]);
    return this.#now.length - 1;
  }

  // Whoever changes a mark has looked at it.
  change(number, change, row = null) {
    const changed = { ...this.#now[number], ...change, confirmed: true };
    this.put(this.#now.map((mark, at) => (at === number ? changed : mark)), row && `${row} ${number}`);
  }

  remove(number) {
    this.put(this.#now.filter((_, at) => at !== number));
  }

  undo() {
    if (!this.canUndo) return false;
    this.#future = [this.#now, ...this.#future];
    this.#now = this.#past.pop();
    this.#joined = null;
    return true;
  }

  redo() {
    if (!this.canRedo) return false;
    this.#past = [...this.#past, this.#now];
    this.#now = this.#future.shift();
    this.#joined = null;
    return true;
  }
}
