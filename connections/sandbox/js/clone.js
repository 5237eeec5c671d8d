// structuredClone, as the HTML standard has it, for what exists in a transformation.
(() => {
  "use strict";
  const refuse = (value) => {
    throw new DOMException(`${typeof value === "function" ? "a function" : String(value)} cannot be cloned`, "DataCloneError");
  };

  const ERRORS = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

  const clone = (value, seen) => {
    if (typeof value === "function" || typeof value === "symbol") refuse(value);
    if (typeof value !== "object" || value === null) return value;
    if (seen.has(value)) return seen.get(value);
    const kept = (made) => {
      seen.set(value, made);
      return made;
    };
    if (Array.isArray(value)) {
      const made = kept(new Array(value.length));
      for (const name of Object.keys(value)) made[name] = clone(value[name], seen);
      return made;
    }
    if (value instanceof Date) return kept(new Date(value.getTime()));
    if (value instanceof RegExp) return kept(new RegExp(value.source, value.flags));
    if (value instanceof Boolean || value instanceof Number || value instanceof String) return kept(Object(value.valueOf()));
    if (value instanceof ArrayBuffer) return kept(value.slice(0));
    if (ArrayBuffer.isView(value)) {
      const buffer = clone(value.buffer, seen);
      const length = value instanceof DataView ? value.byteLength : value.length;
      return kept(new value.constructor(buffer, value.byteOffset, length));
    }
    if (value instanceof Map) {
      const made = kept(new Map());
      for (const [name, each] of [...value]) made.set(clone(name, seen), clone(each, seen));
      return made;
    }
    if (value instanceof Set) {
      const made = kept(new Set());
      for (const each of [...value]) made.add(clone(each, seen));
      return made;
    }
    if (value instanceof Error) {
      const made = kept(new (ERRORS[value.name] ?? Error)(value.message));
      if ("cause" in value) made.cause = clone(value.cause, seen);
      return made;
    }
    if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) refuse(value);
    const made = kept({});
    for (const name of Object.keys(value)) made[name] = clone(value[name], seen);
    return made;
  };

  const structuredClone = (value) => clone(value, new Map());
  return { structuredClone };
})
