// Which objects are shown.

const words = find("filter-words");

const chips = byCount.map((index) => {
  const chip = button("", () => toggleClass(index), "chip");
  chip.append(mark(index), name(classes[index]), node("span", { look: "count", text: counts[index].toLocaleString() }));
  chip.setAttribute("aria-pressed", "false");
  return chip;
});
find("chips").append(...chips);

function toggleClass(index) {
  if (!filters.classes.delete(index)) filters.classes.add(index);
  showChips();
  filter();
}

function showChips() {
  byCount.forEach((index, place) => chips[place].setAttribute("aria-pressed", String(filters.classes.has(index))));
}

find("filter-drive").append(new Option("All drives", ""), ...drives.map((drive, index) => new Option(driveName(drive), index)));
find("plot-drive").append(...drives.map((drive, index) => new Option(driveName(drive), index)));

function filterDrive(index) {
  filters.drive = index;
  find("filter-drive").value = index ?? "";
  if (index !== null) {
    chooseDrive(index);
    map.fit(boundsOfDrive(index));
  } else map.fit(boundsOfAll());
  filter();
}

find("filter-drive").addEventListener("change", ({ target }) => filterDrive(target.value === "" ? null : Number(target.value)));
find("filter-state").addEventListener("change", ({ target }) => { filters.state = target.value; filter(); });
find("order").addEventListener("change", ({ target }) => { filters.order = target.value; filter(); });
words.addEventListener("input", () => { filters.words = words.value.trim().toLowerCase(); filter(); });
find("filter-none").addEventListener("click", () => {
  filters.classes.clear();
  Object.assign(filters, { drive: null, state: "all", words: "" });
  words.value = "";
  find("filter-state").value = "all";
  find("filter-drive").value = "";
  showChips();
  filter();
  words.focus();
});
hear("objects", () => { find("filter-none").hidden = shown.length === objects.length; });
