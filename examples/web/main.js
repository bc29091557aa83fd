// The page: a picture, the webcam or a video file in; boxes on a canvas and a list of objects out.
import { Detector } from "./detector.js";

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
  const entries = found.map(({ box: [left, top, right, bottom], score, classId }) => {
    const name = detector.card.names[classId], text = `${name} ${Math.round(100 * score)} %`;
    brush.strokeStyle = brush.fillStyle = `hsl(${(classId * 137.5) % 360} 85% 60%)`;
    brush.strokeRect(left, top, right - left, bottom - top);
    const labelTop = Math.max(top, 10 * line);
    brush.fillRect(left - line / 2, labelTop - 10 * line, brush.measureText(text).width + 4 * line, 10 * line);
    brush.fillStyle = "#000";
    brush.fillText(text, left + line, labelTop);
    const entry = document.createElement("li");
    entry.textContent = `${text}, ${[left, top, right, bottom].map((edge) => edge.toFixed(1)).join(", ")}`;
    Object.assign(entry.dataset, { box: JSON.stringify([left, top, right, bottom]), score, class: name });
    return entry;
  });
  $("objects").replaceChildren(...entries);
  $("time").textContent = `${found.length} objects in ${tookMs.toFixed(0)} ms`;
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
