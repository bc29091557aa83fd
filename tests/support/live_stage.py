"""A live picture on a blank page, which is given records as if a server sent them."""

from __future__ import annotations

from typing import Any

from support.module_page import ModulePage

STAGE = """
document.body.innerHTML = `<div style="position:relative;width:640px;height:360px">
  <canvas id="picture" style="width:100%;height:100%"></canvas>
  <canvas id="overlay" style="position:absolute;inset:0;width:100%;height:100%"></canvas></div>`;
const { LivePicture } = await load("view/live-picture.js");
const { now } = await load("view/repeated.js");
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const [picture, overlay] = ["picture", "overlay"].map((id) => document.getElementById(id));
const shown = [];
let changes = 0;
const onShown = (one) => shown.push({ ...look(one), age_s: now() - one.captured_s });
const live = new LivePicture({ picture, overlay, onShown, onChange: () => (changes += 1) });
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// Where the square begins, in fractions of the picture, and where the box does.
const first = (canvas, isHit) => {
  if (!canvas.width || !canvas.height) return null;
  const row = canvas.getContext("2d").getImageData(0, Math.round(canvas.height * 0.5), canvas.width, 1).data;
  for (let x = 0; x < canvas.width; x += 1) if (isHit(row.subarray(4 * x, 4 * x + 4))) return x / canvas.width;
  return null;
};
const look = ({ result, ...rest }) => ({
  ...rest, frame: result?.frame ?? null,
  square: first(picture, ([red]) => red > 130), box: first(overlay, ([, , , alpha]) => alpha > 100),
});
// Sends packets and results at the pace of their capture.
const play = async (packets, results, { late_s = 0 } = {}) => {
  const begun_s = now();
  for (let n = 0; n < packets.length; n += 1) {
    const due_s = begun_s + packets[n].captured_us / 1e6;
    while (now() < due_s) await rest(4);
    const { data, ...packet } = packets[n];
    live.take({ packet }, bytes(data), begun_s);
    if (results[n]) setTimeout(() => live.take({ result: results[n] }, null, begun_s), 1000 * late_s);
  }
  await rest(500);
};
const told = () => live.told("websocket");
"""


def staged(modules: ModulePage, script: str, **given: Any) -> dict[str, Any]:
    """Return what a script returns that has ``live``, ``play``, ``shown``, ``told`` and ``rest`` at hand."""
    return modules.run(STAGE + script, given)
