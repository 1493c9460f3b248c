// Numbers, times and durations in words.

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "long" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long" });

/** "1,234". */
export const number = (value) => (value === null || value === undefined ? "" : NUMBER.format(value));

/** "1 request", "2 requests". */
export const counted = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** Tokens: "950", "12.3k", "1.25M". */
export function tokens(value) {
  if (value === null || value === undefined) {
    return "";
  }
  if (value < 1000) {
    return String(value);
  }
  return value < 999_950 ? `${(value / 1000).toFixed(value < 99_950 ? 1 : 0)}k` : `${(value / 1e6).toFixed(2)}M`;
}

/** Dollars: "$0.0123", "$1.25". */
export function dollars(value) {
  return value === null || value === undefined ? "" : `$${value.toFixed(value !== 0 && value < 0.1 ? 4 : 2)}`;
}

/** A part of 1 in whole percent, 100 only if all of it. */
export function percent(part) {
  return part >= 1 ? 100 : part > 0 ? Math.min(99, Math.round(part * 100)) : 0;
}

/** Milliseconds: "85 ms", "1.2 s", "2 min 5 s". */
export function milliseconds(value) {
  if (value === null || value === undefined) {
    return "";
  }
  if (value < 1000) {
    return `${Math.round(value)} ms`;
  }
  return value < 59_950 ? `${(value / 1000).toFixed(1)} s` : duration(value / 1000);
}

/** Seconds: "12 s", "2 min 5 s", "3 h 4 min", "2 d 3 h". */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return minutes < 10 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A Unix time on the clock: "14:02", with seconds "14:02:33". */
export const clock = (unix, withSeconds = false) => (withSeconds ? SECONDS : CLOCK).format(new Date(unix * 1000));

/** A Unix time: "14:02" today, "yesterday at 14:02", "Friday at 14:02", "3 December at 14:02". */
export function moment(unix) {
  const then = new Date(unix * 1000);
  const days = Math.round((midnight(then) - midnight(new Date())) / 86_400_000);
  const day = days === -1 ? "yesterday" : days === 1 ? "tomorrow" : Math.abs(days) < 7 ? DAY.format(then) : DATE.format(then);
  return days === 0 ? CLOCK.format(then) : `${day} at ${CLOCK.format(then)}`;
}

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
