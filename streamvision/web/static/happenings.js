// Events in words.

const KINDS = {
  zone_entered: "entered",
  zone_left: "left",
  stay: "stays long",
  crowding: "crowded",
  wrong_way: "wrong way",
  idle: "stands",
  speeding: "too fast",
};

// What happened, to whom: "in, car 12, 53 km/h".
export function happening({ kind, direction, class_name, track_id, values }) {
  const who = class_name && (track_id === null ? class_name : `${class_name} ${track_id}`);
  const speed = values.speed_kmh === undefined ? null : `${Math.round(values.speed_kmh)} km/h`;
  const inside = kind === "crowding" && values.inside !== undefined ? `${values.inside} inside` : null;
  return [direction ?? KINDS[kind] ?? kind.replaceAll("_", " "), who, speed, inside].filter(Boolean).join(", ");
}
