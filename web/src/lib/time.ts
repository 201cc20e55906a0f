import { i18n } from "@/locales";

/** So many of a unit, in the reader's language. */
const inUnits = (count: number | string, unit: "d" | "h" | "min" | "s" | "ms" | "us") => i18n.global.t(`unit.${unit}`, { count });

/** A length of time as a person reads it, such as `1 h 05 min`; milliseconds in. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  if (days > 0) return `${inUnits(days, "d")} ${inUnits(two(hours), "h")}`;
  if (hours > 0) return `${inUnits(hours, "h")} ${inUnits(two(minutes), "min")}`;
  if (minutes > 0) return `${inUnits(minutes, "min")} ${inUnits(two(seconds % 60), "s")}`;
  return inUnits(seconds, "s");
}

/** A short time such as `12.3 ms`; microseconds in. */
export function micros(value: number): string {
  if (value < 1000) return inUnits(value, "us");
  if (value < 1_000_000) return inUnits((value / 1000).toFixed(value < 100_000 ? 1 : 0), "ms");
  return inUnits((value / 1_000_000).toFixed(value < 100_000_000 ? 2 : 0), "s");
}

/** A size such as `12.3 KiB`. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [size, unit] = [value, 0];
  while (size >= 1024 && unit < units.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}

/** A point in time as an input of the kind `datetime-local` has it; empty for none. */
export function inputTime(at: string | null): string {
  if (at === null) return "";
  const time = new Date(at);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What such an input means. */
export function timeOfInput(text: string): string | null {
  return text === "" ? null : new Date(text).toISOString();
}
