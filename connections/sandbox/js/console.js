// console.log and its like: values as a person reads them, one line for each call.
((host) => {
  "use strict";
  const shown = (value) => {
    if (typeof value === "string") return value;
    try {
      if (value instanceof Error) return String(value);
      if (typeof value === "bigint") return `${value}n`;
      if (typeof value === "object" && value !== null) return JSON.stringify(value) ?? String(value);
      return String(value);
    } catch {
      return "[cannot be shown]";
    }
  };
  const writer =
    (level) =>
    (...values) => {
      host(level, JSON.stringify(values.map(shown).join(" ")));
    };
  const console = {};
  for (const level of ["log", "info", "warn", "error", "debug"]) console[level] = writer(level);
  return { console };
})
