// All that is known of the chosen object.

const details = find("details");

function showDetails() {
  const one = chosen.object;
  details.hidden = one === null;
  details.replaceChildren(...(one ? [detailsHead(one), detailsPicture(one), facts(one), detailsActs(one)] : []));
}

function detailsHead(one) {
  const close = button("×", () => chooseObject(null), "icon-button");
  close.setAttribute("aria-label", "Close");
  const title = node("h2", { children: [name(objectName(one)), node("span", { look: "hint", text: ` ${one.id}` })] });
  return node("div", { look: "panel-head", children: [markOf(one), title, ...(one.gone ? [goneBadge()] : []), node("span", { look: "spacer" }), close] });
}

const goneBadge = () => node("span", { look: "badge gone", text: "gone", title: "Later drives should have seen it and did not" });

function detailsPicture(one) {
  const image = picture(one, `Best picture of ${objectName(one)}, number ${one.id}`);
  if (image.tagName !== "IMG") return image;
  return node("a", { look: "picture-link", href: one.picture, target: "_blank", rel: "noopener", children: [image] });
}

// The best picture of an object, or words where there is none.
function picture(one, alt) {
  const absent = () => node("span", { look: "no-picture", text: "no picture" });
  if (!one.picture) return absent();
  const image = node("img", { look: "picture", alt, loading: "lazy", decoding: "async", src: one.picture });
  image.addEventListener("error", () => (image.closest(".picture-link") ?? image).replaceWith(absent()));
  return image;
}

function facts(one) {
  const rows = [
    ["First seen", [time("dayAndMinute", one.first)]],
    ["Last seen", [time("dayAndMinute", one.last)]],
    ["Seen in", [`${many(one.drives.length, "drive")}, ${many(one.frames, "frame")}`]],
    ["Confidence", [`${percent(one.best)} at best, ${percent(one.mean)} on average`]],
    ["Place", one.at ? [place(one.at), ...(one.error_m ? [` ± ${one.error_m < 10 ? one.error_m.toFixed(1) : Math.round(one.error_m)} m`] : [])] : ["not known"]],
  ];
  if (one.at && one.bearing_deg !== null) rows.push(["Seen going", [heading(one.bearing_deg)]]);
  if (one.limit_kmh !== null) rows.splice(0, 0, ["Limit", [`${one.limit_kmh} km/h`]]);
  return node("dl", { look: "pairs", children: rows.flatMap(([term, words]) => [node("dt", { text: term }), node("dd", { children: words })]) });
}

function detailsActs(one) {
  const acts = [];
  if (one.at) acts.push(button("On the map", () => { showObject(one); map.canvas.scrollIntoView({ block: "nearest" }); }));
  for (const [index, first] of one.views) {
    const drive = drives[index];
    if (drive.video) acts.push(watchLink(`Watch ${said("dayAndMinute", first)}`, index, first - drive.start - LEAD_S));
  }
  acts.push(button("Before", () => stepObject(-1)), button("Next", () => stepObject(1)));
  return node("div", { look: "acts", children: acts });
}

function stepObject(by) {
  if (!shown.length) return;
  const at = shown.indexOf(chosen.object);
  const one = shown[(at + by + shown.length) % shown.length];
  chooseObject(one);
  showObject(one);
  [...details.querySelectorAll(".acts .button")].at(by < 0 ? -2 : -1)?.focus();
}

details.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  chooseObject(null);
  map.canvas.focus();
});
hear("object", showDetails);
