// What this browser remembers of how the page is looked at. A browser that keeps nothing for the page forgets it.

export function recall(name, choices, otherwise) {
  try {
    const kept = localStorage.getItem(name);
    return choices === null || choices.includes(kept) ? (kept ?? otherwise) : otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // as above
  }
}
