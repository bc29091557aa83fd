// Says in words how a stream's picture comes, and why so. No page in here.

const CODECS = { avc1: "H.264", avc3: "H.264", hev1: "H.265", hvc1: "H.265", av01: "AV1", vp09: "VP9", vp8: "VP8" };

export const codecName = (codec) => CODECS[codec.split(".")[0]] ?? codec;

// by: what decodes it, null where pictures are JPEG; format: of the video; why: why it is not what was asked for
// first, and what else is to be said, in sentences; over: "websocket" or "http"; yields: whether boxes are carried on since results are too late.
export function told({ by, format, why, over, yields }) {
  const sentences = [by ? video(by, format) : "JPEG pictures, drawn by the server."];
  if (by && !globalThis.isSecureContext) sentences.push("WebCodecs needs HTTPS, or this machine's own address.");
  sentences.push(...why);
  if (over === "http") sentences.push("No WebSocket (a proxy refuses it): the same over HTTP.");
  if (yields) sentences.push("Results come later than 0.3 s, so boxes are carried on as they moved.");
  return sentences.map((sentence) => sentence.replace(/[^.!?]$/, "$&.")).join(" ");
}

function video(by, { codec, way, width_px: width, height_px: height, is_drawn: isDrawn }) {
  const whose = way === "passed_on" ? `the camera's own ${codecName(codec)}` : `${codecName(codec)} encoded by the server`;
  const drawn = isDrawn ? ", drawn by the server, since this model's result is a picture" : "";
  return `Live by ${by}: ${whose}, ${width} × ${height}${drawn}.`;
}
