// Facts of the trip, and its drives.

function showFacts() {
  const known = drives.filter((drive) => drive.distance_m !== null);
  const lost_s = drives.reduce((sum, drive) => sum + drive.lost_s, 0);
  const gone = objects.filter((one) => one.gone).length;
  const figures = [
    ["Drives", drives.length.toLocaleString()],
    ["Distance", known.length ? distance(known.reduce((sum, drive) => sum + drive.distance_m, 0)) : "unknown"],
    ["Time", duration(drives.reduce((sum, drive) => sum + drive.end - drive.start, 0))],
    ["Objects", objects.length.toLocaleString()],
    ["With a place", pointOf.size.toLocaleString()],
  ];
  if (gone) figures.push(["Gone", gone.toLocaleString()]);
  if (lost_s) figures.push(["Not decoded", duration(lost_s)]);
  if (drives.length) figures.unshift(["When", period()]);
  find("facts").replaceChildren(...figures.map(([term, value]) => node("div", { children: [node("dt", { text: term }), node("dd", { text: value })] })));
}

function period() {
  const [first, last] = [said("day", drives[0].start), said("day", drives.at(-1).end)];
  return first === last ? first : `${first} to ${last}`;
}

function driveRow(drive, index) {
  const moving = drive.distance_m === null ? null : (drive.distance_m / lengthOf(drive)) * 3.6;
  const figures = [
    duration(drive.end - drive.start),
    distance(drive.distance_m),
    ...(moving === null ? [] : [`${Math.round(moving)} km/h on average`]),
    ...(drive.top_kmh === null ? [] : [`${Math.round(drive.top_kmh)} km/h at most`]),
    many(objects.filter((one) => one.drives.includes(index)).length, "object"),
  ];
  const acts = [button("Show", () => { filterDrive(index); find("main").scrollIntoView({ block: "start" }); })];
  acts[0].setAttribute("aria-label", `Show the drive of ${driveName(drive)}`);
  if (drive.video) acts.push(watchLink("Watch", index, 0));
  return node("li", { look: "drive", children: [
    node("div", { look: "drive-head", children: [
      node("h3", { children: [time("dayAndMinute", drive.start), ` – ${said("minute", drive.end)}`] }),
      node("span", { look: "hint", text: figures.join(" · ") }),
      node("span", { look: "spacer" }),
      node("span", { look: "acts", children: acts }),
    ] }),
    node("div", { look: "drive-time" }),
    ...driveNotes(drive),
    clipNames(drive),
  ] });
}

function driveNotes(drive) {
  const notes = drive.notes.map((note) => node("li", { children: [name(note)] }));
  if (drive.lost_s) notes.unshift(node("li", { look: "wrong", text: `${drive.lost_s} s could not be decoded.` }));
  return notes.length ? [node("ul", { look: "notes", children: notes })] : [];
}

function clipNames(drive) {
  const more = drive.clip_count - drive.clips.length;
  const names = drive.clips.map((clip) => node("li", { children: [name(clip)] }));
  if (more > 0) names.push(node("li", { text: `and ${more.toLocaleString()} more` }));
  return node("details", { children: [
    node("summary", { children: [`${many(drive.clip_count, "clip")} `, name(drive.id, "hint")] }),
    node("ol", { look: "clips", children: names }),
  ] });
}

const driveRows = drives.map(driveRow);
find("drives").append(...driveRows);
hear("objects", () => driveRows.forEach((row, index) => row.querySelector(".drive-time").replaceChildren(timeline(index))));
hear("drive", () => driveRows.forEach((row, index) => row.classList.toggle("chosen", index === chosen.drive && drives.length > 1)));
