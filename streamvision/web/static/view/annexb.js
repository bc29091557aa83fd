// H.264 and H.265 with start codes (Annex B), taken apart for MP4: units with their length before them, and the decoder's
// configuration (ISO/IEC 14496-15) from the parameter sets.

const H264 = { type: (unit) => unit[0] & 31, sets: { 7: "sps", 8: "pps" }, left_out: new Set([9]) };
const H265 = { type: (unit) => (unit[0] >> 1) & 63, sets: { 32: "vps", 33: "sps", 34: "pps" }, left_out: new Set([35]) };

const kindOf = (codec) => (codec.startsWith("avc") ? H264 : H265);

// The units of a packet, without start codes and the zeros around them.
export function unitsOf(data) {
  const units = [];
  let begin = -1;
  for (let at = 0; at + 2 < data.length; at += 1) {
    if (data[at + 2] > 1) at += 2; // no start code ends or begins in the next two bytes
    else if (data[at] === 0 && data[at + 1] === 0 && data[at + 2] === 1) {
      if (begin >= 0) units.push(trimmed(data.subarray(begin, at)));
      begin = at + 3;
      at += 2;
    }
  }
  if (begin >= 0) units.push(trimmed(data.subarray(begin)));
  return units.filter((unit) => unit.length > 0);
}

function trimmed(unit) {
  let end = unit.length;
  while (end > 0 && unit[end - 1] === 0) end -= 1;
  return unit.subarray(0, end);
}

// {sample, sets}: a packet as MP4 has it, and its parameter sets ({sps, pps, vps: [units]}), which are left out of it.
export function taken(data, codec) {
  const kind = kindOf(codec);
  const sets = { vps: [], sps: [], pps: [] };
  const kept = [];
  for (const unit of unitsOf(data)) {
    const type = kind.type(unit);
    if (kind.sets[type]) sets[kind.sets[type]].push(unit);
    else if (!kind.left_out.has(type)) kept.push(unit);
  }
  const sample = new Uint8Array(kept.reduce((length, unit) => length + 4 + unit.length, 0));
  let at = 0;
  for (const unit of kept) {
    new DataView(sample.buffer).setUint32(at, unit.length);
    sample.set(unit, at + 4);
    at += 4 + unit.length;
  }
  return { sample, sets };
}

// The content of an avcC or hvcC box; null where a parameter set is missing.
export function configuration({ vps, sps, pps }, codec) {
  if (!sps.length || !pps.length) return null;
  if (kindOf(codec) === H264) return avcConfiguration(sps, pps);
  return vps.length ? hevcConfiguration({ vps, sps, pps }) : null;
}

function avcConfiguration(sps, pps) {
  const listed = (units) => units.flatMap((unit) => [unit.length >> 8, unit.length & 255, ...unit]);
  const [, profile, compatible, level] = sps[0];
  const high = [100, 110, 122, 144].includes(profile) ? [0xfd, 0xf8, 0xf8, 0] : []; // 4:2:0 of 8 bits
  return Uint8Array.of(1, profile, compatible, level, 0xff, 0xe0 | sps.length, ...listed(sps), pps.length, ...listed(pps), ...high);
}

function hevcConfiguration({ vps, sps, pps }) {
  const plain = withoutEscapes(sps[0]);
  const profileTierLevel = plain.subarray(3, 15); // profile space to level, behind the header and the first byte
  const layers = ((plain[2] >> 1) & 7) + 1;
  const arrays = [[32, vps], [33, sps], [34, pps]].flatMap(([type, units]) => [
    0x80 | type, units.length >> 8, units.length & 255,
    ...units.flatMap((unit) => [unit.length >> 8, unit.length & 255, ...unit]),
  ]);
  return Uint8Array.of(1, ...profileTierLevel, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, (layers << 3) | ((plain[2] & 1) << 2) | 3, 3, ...arrays);
}

// A unit without the bytes that keep start codes out of it.
function withoutEscapes(unit) {
  return unit.filter((byte, at) => !(byte === 3 && at > 1 && unit[at - 1] === 0 && unit[at - 2] === 0));
}
