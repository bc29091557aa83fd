// What the page was told, and values as words.

const data = JSON.parse(document.getElementById("data").textContent);
const { drives, objects, classes } = data;
const objectsById = new Map(objects.map((one) => [one.id, one]));
const DEGREE_PARTS = 1e6;

const CLOCK = { hourCycle: "h23", hour: "2-digit", minute: "2-digit" };
const formats = {
  day: new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }),
  dayAndMinute: new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", ...CLOCK }),
  minute: new Intl.DateTimeFormat(undefined, CLOCK),
  second: new Intl.DateTimeFormat(undefined, { ...CLOCK, second: "2-digit" }),
};
const said = (format, unix_s) => {
  const date = new Date(unix_s * 1000);
  return Number.isNaN(date.getTime()) ? "unknown" : formats[format].format(date);
};
const utc = (unix_s) => {
  const date = new Date(unix_s * 1000);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().replace("T", " ").slice(0, 19) + " UTC";
};

function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const distance = (m) => (m === null ? "no distance" : m < 1000 ? `${Math.round(m)} m` : `${(m / 1000).toFixed(m < 100000 ? 1 : 0)} km`);
const many = (count, one, more = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : more}`;
const percent = (share) => (share === null ? "unknown" : `${Math.round(share * 100)} %`);
const COMPASS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"];
const heading = (deg) => `${COMPASS[Math.round(deg / 45) % 8]} (${Math.round(deg)}°)`;

function place([latitude, longitude]) {
  const north = latitude / DEGREE_PARTS;
  const east = ((((longitude / DEGREE_PARTS + 180) % 360) + 360) % 360) - 180;
  return `${north.toFixed(6)}, ${east.toFixed(6)}`;
}

const className = (one) => classes[one.class];
const objectName = (one) => (one.text ? `${className(one)} ${one.text}` : className(one));
const driveName = (drive) => `${said("dayAndMinute", drive.start)}`;
