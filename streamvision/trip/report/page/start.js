// The first look.

setTheme(keptTheme());
showFacts();
if (!drives.length) for (const panel of [".plot-panel", ".drives-panel"]) document.querySelector(panel).hidden = true;
if (!objects.length) for (const panel of [".filters", ".objects-panel"]) document.querySelector(panel).hidden = true;
find("zone").textContent = `Times are those of this device's zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;

const everything = boundsOfAll();
find("map-empty").hidden = !everything.isEmpty;
find("map").classList.toggle("empty", everything.isEmpty);
map.resize();
map.fit(everything);
let fitted_px = map.width;
new ResizeObserver(() => {
  map.resize();
  if (Math.abs(map.width - fitted_px) > 200) map.fit(everything);
  fitted_px = map.width;
}).observe(map.canvas);
new ResizeObserver(() => { if (plot.box.clientWidth !== plot.width) drawPlot(); }).observe(plot.box);
filter();
chooseDrive(chosen.drive);

function chooseFromAddress() {
  const one = objectsById.get(Number(location.hash.slice(1)));
  if (!one) return;
  chooseObject(one);
  showObject(one);
}
addEventListener("hashchange", chooseFromAddress);
chooseFromAddress();
