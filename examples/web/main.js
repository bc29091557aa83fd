// The page: a picture, the webcam or a video file in; what was found on a canvas and as a list out.
import { Detector } from "./detector.js";
import { colour, drawClassMap, drawExtras } from "./draw.js";

const $ = (id) => document.getElementById(id);
const canvas = $("stage"), brush = canvas.getContext("2d"), video = $("video");
let detector, playing = 0;

async function start() {
  const given = new URLSearchParams(location.search);
  const folder = `${(given.get("bundle") ?? "bundle").replace(/\/+$/, "")}/`;
  detector = await Detector.open(new URL(folder, document.baseURI), given.get("accelerator") ?? "auto");
  const { differences, card, model } = detector;
  say(differences.length ? `The golden vectors differ: ${differences[0]}` : "The golden vectors agree.", differences.length ? "wrong" : "right");
  $("model").textContent = `${card.names.length} classes, ${card.input.width_px} x ${card.input.height_px}, ${model.title}`;
  for (const control of document.querySelectorAll("[disabled]")) control.disabled = false;
}

async function showPicture(file) {
  await stop();
  const picture = await createImageBitmap(file);
  const startedAt = performance.now();
  const found = await detector.detect(picture, picture.width, picture.height);
  show(picture, picture.width, picture.height, found, performance.now() - startedAt);
  picture.close();
}

async function play(source) {
  await stop();
  if (source instanceof MediaStream) video.srcObject = source;
  else video.src = URL.createObjectURL(source);
  await video.play();
  const turn = ++playing;
  const step = async () => {
    if (turn !== playing) return;
    const startedAt = performance.now(), { videoWidth: width, videoHeight: height } = video;
    // The picture is kept while the network works on it, so that the boxes belong to what is shown.
    const frame = await createImageBitmap(video);
    const found = await detector.detect(frame, width, height);
    if (turn === playing) show(frame, width, height, found, performance.now() - startedAt);
    frame.close();
    video.requestVideoFrameCallback(guarded(step));
  };
  video.requestVideoFrameCallback(guarded(step));
}

async function stop() {
  playing++;
  video.pause();
  video.srcObject?.getTracks().forEach((track) => track.stop());
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
}

function show(picture, width, height, found, tookMs) {
  [canvas.width, canvas.height] = [width, height];
  brush.drawImage(picture, 0, 0);
  const line = Math.max(2, width / 400);
  brush.lineWidth = line;
  brush.font = `600 ${8 * line}px system-ui, sans-serif`;
  brush.textBaseline = "bottom";
  const { detections, classScores, classMap } = found, { names } = detector.card;
  if (classMap) drawClassMap(brush, classMap);
  const objects = detections.map((object) => {
    const { box, score, classId } = object, [left, top, right, bottom] = box, name = names[classId];
    const text = `${name} ${Math.round(100 * score)} %`;
    drawExtras(brush, object, detector.card.keypoints?.skeleton ?? []);
    brush.strokeStyle = brush.fillStyle = colour(classId);
    if (!object.oriented) brush.strokeRect(left, top, right - left, bottom - top);
    const labelTop = Math.max(top, 10 * line);
    brush.fillRect(left - line / 2, labelTop - 10 * line, brush.measureText(text).width + 4 * line, 10 * line);
    brush.fillStyle = "#000";
    brush.fillText(text, left + line, labelTop);
    return listed(`${text}, ${box.map((edge) => edge.toFixed(1)).join(", ")}`, { box: JSON.stringify(box), score, class: name });
  });
  const classes = classScores.slice(0, 5).map(({ classId, score }) =>
    listed(`${names[classId]} ${(100 * score).toFixed(1)} %`, { score, class: names[classId] }));
  const shares = classMap ? areas(classMap).map(({ classId, share }) =>
    listed(`${names[classId]} on ${(100 * share).toFixed(1)} % of the picture`, { share, class: names[classId] })) : [];
  $("objects").replaceChildren(...objects, ...classes, ...shares);
  const many = classMap ? `${shares.length} classes` : classes.length ? names[classScores[0].classId] : `${objects.length} objects`;
  $("time").textContent = `${many} in ${tookMs.toFixed(0)} ms`;
}

function listed(text, data) {
  const entry = document.createElement("li");
  entry.textContent = text;
  Object.assign(entry.dataset, data);
  return entry;
}

/** What share of a map each class has, the largest first. */
function areas({ classIds }) {
  const counts = new Map();
  for (const classId of classIds) counts.set(classId, (counts.get(classId) ?? 0) + 1);
  return [...counts].map(([classId, count]) => ({ classId, share: count / classIds.length })).sort((a, b) => b.share - a.share);
}

function say(text, state) {
  $("status").textContent = text;
  $("status").dataset.state = state;
}

const guarded = (action) => async (...given) => {
  try {
    await action(...given);
  } catch (error) {
    say(error.message, "wrong");
  }
};

$("picture").addEventListener("change", guarded(({ target }) => target.files[0] && showPicture(target.files[0])));
$("film").addEventListener("change", guarded(({ target }) => target.files[0] && play(target.files[0])));
$("webcam").addEventListener("click", guarded(async () => {
  play(await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "environment" } }));
}));
$("stop").addEventListener("click", guarded(stop));
guarded(start)();
