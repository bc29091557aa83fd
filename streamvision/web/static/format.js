// Numbers and durations in words, as short as they can be and still be understood.

export function age(seconds) {
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return duration(seconds);
}

export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function count(number) {
  return number.toLocaleString("en").replaceAll(",", " ");
}

export function rate(number) {
  return number >= 10 || number === 0 ? number.toFixed(0) : number.toFixed(1);
}

export function sum(numbersByName) {
  return Object.values(numbersByName).reduce((total, n) => total + n, 0);
}

export function percent(share) {
  return `${Number((100 * share).toFixed(1))} %`;
}
