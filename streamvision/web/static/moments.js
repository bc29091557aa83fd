// Moments in a list: events, and what was found in a region.

import { node } from "./dom.js";
import { duration } from "./format.js";
import { happening } from "./happenings.js";
import { address } from "./server.js";
import { moment } from "./timescale.js";

const PICTURE_PX = 160;

export function eventItem(event, camera, act) {
  const picture = event.picture ? node("img", { loading: "lazy", alt: "", src: address(event.picture) }) : blank();
  return item(picture, `${event.region}: ${happening(event)}`, `${camera}, ${moment(event.at)}`, act);
}

export function foundItem(found, thumbnails, act) {
  const { object } = found;
  const picture = node("img", { loading: "lazy", alt: "" });
  if (object?.crop) picture.src = address(object.crop);
  else thumbnails.get(found.stream, found.at, { width: PICTURE_PX }).then((url) => (url ? (picture.src = url) : picture.replaceWith(blank())));
  const words = object ? `${object.class_name} ${object.track_id ?? ""}`.trim() : `${Math.round(100 * found.share)} % changed`;
  const long = found.until - found.at;
  return item(picture, words, `${moment(found.at)}${long > 1.5 ? `, ${duration(long)}` : ""}`, act);
}

const blank = () => node("span", { look: "no-picture" });

function item(picture, words, when, act) {
  const button = node("button", {
    look: "moment-button",
    type: "button",
    children: [picture, node("span", { children: [node("strong", { text: words }), node("span", { text: when })] })],
  });
  button.addEventListener("click", act);
  return node("li", { children: [button] });
}
