// What there is to know about a stream, as words by name.

import * as format from "./format.js";

// What of a service's outputs people know under other names.
const OUTPUTS = { event_log: "Event log", recording: "Recording", notify: "Messages", tracklets: "Identities" };

export function facts(status) {
  const expected = status.frames_expected ? ` of ${format.count(status.frames_expected)}` : "";
  const drops = Object.entries(status.drops).map(([cause, n]) => `${format.count(n)} ${cause.replaceAll("_", " ")}`);
  return {
    ...(status.name && status.name !== status.id && { Id: status.id }),
    Source: status.source,
    ...(status.reason && { Reason: status.reason }),
    Picture: status.width_px ? `${status.width_px} × ${status.height_px}` : "none yet",
    Processed: `${format.count(status.frames_done)}${expected} frames`,
    Dropped: drops.join(", ") || "none",
    ...(status.adaptive && { Adaptive: adaptiveWords(status.adaptive) }),
    Reconnects: format.count(status.reconnects),
    ...Object.fromEntries((status.stages ?? []).map((stage) => [`Stage ${stage.name}`, stageWords(stage)])),
    ...Object.fromEntries((status.outputs ?? []).map((output) => [OUTPUTS[output.name] ?? `Output ${output.name}`, outputWords(output)])),
  };
}

// What the network was shown, in words.
function adaptiveWords(adaptive) {
  const plans = Object.entries(adaptive.plans).map(([kind, n]) => `${format.count(n)} ${kind}`);
  return `${Math.round(100 * adaptive.share)} % of showing every frame; ${plans.join(", ")}`;
}

// How a stage of the user's is doing, in words.
function stageWords(stage) {
  const counts = [[stage.overruns, "too late"], [stage.skipped, "skipped"], [stage.failures, "failed"]];
  const lost = counts.filter(([n]) => n).map(([n, what]) => `${format.count(n)} ${what}`);
  return [stage.state + (stage.reason && `, ${stage.reason}`), `${format.count(stage.done)} done`, ...lost].join("; ");
}

// How an output is doing, in words.
function outputWords(output) {
  const lost = Object.entries(output.lost).map(([cause, n]) => `${format.count(n)} lost, ${cause.replaceAll("_", " ")}`);
  const failed = output.failures ? [`failed ${format.count(output.failures)} times`] : [];
  return [output.state + (output.reason && `, ${output.reason}`), ...failed, ...lost].join("; ");
}
