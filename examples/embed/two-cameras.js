// Listens to both elements: how many objects there are, how old the picture is, and what was clicked.

document.addEventListener("streamvision-result", ({ target, detail: { age_s, result } }) => {
  const words = `${result.objects.length} objects, ${Math.round(1000 * age_s)} ms`;
  target.closest("figure").querySelector("output").textContent = words;
});

document.addEventListener("streamvision-state", ({ target, detail: { state } }) => {
  if (state !== "live") target.closest("figure").querySelector("output").textContent = state;
});

document.addEventListener("streamvision-click", ({ detail: { stream, object } }) => {
  const words = object ? `${object.class_name} (${Math.round(100 * object.score)} %) on ${stream}.` : `Nothing there on ${stream}.`;
  document.getElementById("clicked").textContent = words;
});
