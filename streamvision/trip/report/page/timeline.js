// The small time line of a drive: its objects in their places, on one scale for all drives.

const longest_s = drives.reduce((most, drive) => Math.max(most, lengthOf(drive)), 1);

function timeline(index) {
  const drive = drives[index];
  const share = Math.max(lengthOf(drive) / longest_s, 0.02) * 1000;
  const ticks = new Map();
  for (const { one, s } of passedIn(index)) {
    const look = colourOf(one.class);
    ticks.set(look, `${ticks.get(look) ?? ""}M${((s / lengthOf(drive)) * share).toFixed(1)} 4v16`);
  }
  return svg("svg", { viewBox: "0 0 1000 24", preserveAspectRatio: "none", class: "timeline", "aria-hidden": "true" }, [
    svg("rect", { x: 0, y: 8, width: share, height: 8, class: "timeline-way" }),
    ...[...ticks].map(([look, d]) => svg("path", { d, class: `tick class-${look}` })),
  ]);
}
