// The spherical Mercator projection of web maps (EPSG:3857): the world is a square with sides of 1, north is up.

const EQUATOR_M = 40075016.686;
const MOST_NORTH_DEG = 85.051128;

const worldX = (longitude) => longitude / DEGREE_PARTS / 360 + 0.5;
function worldY(latitude) {
  const deg = Math.min(Math.max(latitude / DEGREE_PARTS, -MOST_NORTH_DEG), MOST_NORTH_DEG);
  const sine = Math.sin((deg * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}
const latitudeOf = (y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;
const longitudeOf = (x) => (x - 0.5) * 360;
// How many metres the whole square would be across at the scale of one place.
const worldM = (y) => EQUATOR_M * Math.cos((latitudeOf(y) * Math.PI) / 180);

class Bounds {
  constructor() {
    Object.assign(this, { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity });
  }
  add(x, y) {
    this.left = Math.min(this.left, x);
    this.right = Math.max(this.right, x);
    this.top = Math.min(this.top, y);
    this.bottom = Math.max(this.bottom, y);
    return this;
  }
  get isEmpty() {
    return this.left > this.right;
  }
  meets(other) {
    return this.left <= other.right && this.right >= other.left && this.top <= other.bottom && this.bottom >= other.top;
  }
}
