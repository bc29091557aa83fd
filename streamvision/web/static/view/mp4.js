// Fragmented MP4 (ISO/IEC 14496-12) of one track of video, made packet by packet.

export const TICKS_S = 1_000_000; // of the track's clock

const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const u16 = (...values) => Uint8Array.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]));
const u32 = (...values) => Uint8Array.from(values.flatMap((value) => [24, 16, 8, 0].map((bits) => (value >>> bits) & 255)));
const u64 = (value) => u32(Math.floor(value / 2 ** 32), value % 2 ** 32);
const zeros = (length) => new Uint8Array(length);
const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

export function joined(parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function box(type, ...parts) {
  const content = joined(parts);
  return joined([u32(content.length + 8), ascii(type), content]);
}

const fullBox = (type, flags, ...parts) => box(type, u32(flags), ...parts);

// What stands before the first fragment; `configuration` as annexb.js gives it.
export function initSegment({ codec, width_px: width, height_px: height }, configuration) {
  const isAvc = codec.startsWith("avc");
  const sample = box(
    codec.slice(0, 4), zeros(6), u16(1), zeros(16), u16(width, height), u32(0x480000, 0x480000, 0), u16(1), zeros(32), u16(24, 0xffff),
    box(isAvc ? "avcC" : "hvcC", configuration),
  );
  const tables = box(
    "stbl", fullBox("stsd", 0, u32(1), sample), fullBox("stts", 0, u32(0)), fullBox("stsc", 0, u32(0)), fullBox("stsz", 0, u32(0, 0)), fullBox("stco", 0, u32(0)),
  );
  const sources = box("dinf", fullBox("dref", 0, u32(1), fullBox("url ", 1)));
  const media = box(
    "mdia", fullBox("mdhd", 0, u32(0, 0, TICKS_S, 0), u16(0x55c4, 0)), fullBox("hdlr", 0, u32(0), ascii("vide"), zeros(13)),
    box("minf", fullBox("vmhd", 1, zeros(8)), sources, tables),
  );
  const head = fullBox("tkhd", 3, u32(0, 0, 1, 0, 0), zeros(16), MATRIX, u32(width * 0x10000, height * 0x10000));
  const movie = fullBox("mvhd", 0, u32(0, 0, 1000, 0, 0x10000), u16(0x100, 0), zeros(8), MATRIX, zeros(24), u32(2));
  const extends_ = box("mvex", fullBox("trex", 0, u32(1, 1, 0, 0, 0)));
  return joined([box("ftyp", ascii("iso5"), u32(1), ascii("iso5iso6mp41")), box("moov", movie, box("trak", head, media), extends_)]);
}

// One packet: `time` and `duration` in ticks.
export function fragment(sequence, { sample, isKey, time, duration }) {
  const flags = isKey ? 0x2000000 : 0x1010000; // depends on nothing, or on others and is no place to begin
  const runs = (offset) =>
    box(
      "moof", fullBox("mfhd", 0, u32(sequence)),
      box(
        "traf", fullBox("tfhd", 0x20000, u32(1)), fullBox("tfdt", 0x1000000, u64(time)),
        fullBox("trun", 0x701, u32(1, offset, duration, sample.length, flags)),
      ),
    );
  return joined([runs(runs(0).length + 8), box("mdat", sample)]);
}
