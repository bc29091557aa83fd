// The list of objects, a page at a time.

const narrow = matchMedia("(max-width: 62rem)");
const PAGE = narrow.matches ? 15 : 60; // on a phone the drives stand below the list
const list = find("objects");
const rows = new Map();
let listed = 0;

function objectRow(one) {
  const row = node("button", { look: "object", type: "button", children: [
    picture(one, ""),
    node("span", { look: "object-words", children: [
      node("span", { look: "object-name", children: [markOf(one), name(objectName(one)), ...(one.gone ? [goneBadge()] : [])] }),
      node("span", { look: "hint", children: [time("dayAndMinute", one.first)] }),
      node("span", { look: "hint", text: placeWords(one) }),
    ] }),
    node("span", { look: "number", text: one.id }),
  ] });
  row.addEventListener("click", () => {
    chooseObject(one);
    showObject(one);
    if (narrow.matches) find("map").scrollIntoView({ block: "start" });
  });
  row.setAttribute("aria-pressed", String(one === chosen.object));
  rows.set(one, row);
  return node("li", { children: [row] });
}

function placeWords(one) {
  const seen = one.drives.length > 1 ? ` · ${one.drives.length} drives` : "";
  if (!one.at) return `no place${seen}`;
  return `${one.error_m ? `± ${one.error_m < 10 ? one.error_m.toFixed(1) : Math.round(one.error_m)} m` : "placed"}${seen} · ${percent(one.best)}`;
}

function listMore(count) {
  list.append(...shown.slice(listed, listed + count).map(objectRow));
  listed = Math.min(listed + count, shown.length);
  find("objects-more").hidden = listed >= shown.length;
}

function showObjects() {
  rows.clear();
  list.replaceChildren();
  list.scrollTop = listed = 0;
  listMore(PAGE);
  find("objects-none").hidden = shown.length > 0 || !objects.length;
  find("objects-count").textContent = shown.length === objects.length ? many(shown.length, "object") : `${shown.length.toLocaleString()} of ${many(objects.length, "object")}`;
}

function showChosenRow() {
  for (const [one, row] of rows) row.setAttribute("aria-pressed", String(one === chosen.object));
  const at = shown.indexOf(chosen.object);
  if (at < 0) return;
  if (at >= listed) listMore(at - listed + PAGE);
  const row = rows.get(chosen.object).parentElement;
  if (getComputedStyle(list).overflowY === "auto") list.scrollTop = Math.min(Math.max(list.scrollTop, row.offsetTop + row.offsetHeight - list.clientHeight), row.offsetTop);
}

find("objects-more").addEventListener("click", () => listMore(PAGE));
list.addEventListener("scroll", () => {
  if (listed < shown.length && list.scrollTop + 2 * list.clientHeight > list.scrollHeight) listMore(PAGE);
}, { passive: true });
addEventListener("beforeprint", () => listMore(shown.length));
hear("objects", showObjects);
hear("object", showChosenRow);
