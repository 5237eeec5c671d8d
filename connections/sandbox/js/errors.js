// What went wrong, in words a person can act on. Read when a run has failed, in the context as that run left it.
((host) => {
  "use strict";
  const MAX_DEPTH = 500;
  const MAX_MESSAGE = 2000;
  const ABSENT = /^(fetch|XMLHttpRequest|WebSocket|setTimeout|setInterval|setImmediate|require|module|Buffer) is not defined/;

  const failed = (kind, text, line, column) =>
    `E${JSON.stringify({ kind, message: text.toWellFormed(), line, column })}`;

  // The path in a value to what JSON cannot hold, and why: ["body.items[0]", "is NaN, ..."]; undefined when all is well.
  const faultIn = (value, path, above) => {
    switch (typeof value) {
      case "number":
        return Number.isFinite(value) ? undefined : [path, `is ${value}, which JSON cannot hold`];
      case "bigint":
        return [path, "is a BigInt, which JSON cannot hold; use Number() or String()"];
      case "function":
      case "symbol":
        return [path, `is a ${typeof value}, which JSON cannot hold`];
      case "object":
        break;
      default:
        return undefined;
    }
    if (value === null) return undefined;
    if (typeof value.toJSON === "function") return faultIn(value.toJSON(""), path, above);
    if (above.includes(value)) return [path, "contains itself, which JSON cannot hold"];
    if (above.length >= MAX_DEPTH) return [path.slice(0, 100), `is nested deeper than ${MAX_DEPTH} levels`];
    above.push(value);
    const isList = Array.isArray(value);
    for (const name of Object.keys(value)) {
      const fault = faultIn(value[name], isList ? `${path}[${name}]` : `${path}.${name}`, above);
      if (fault) return fault;
    }
    above.pop();
    return undefined;
  };

  const unreadable = (result) => {
    if (result === undefined || result === null) {
      return failed("RETURNED_NOTHING", "returned nothing: end with `return request;`, in a handler too");
    }
    if (typeof result !== "object" || Array.isArray(result)) {
      const what = Array.isArray(result) ? "an array" : `a ${typeof result}`;
      return failed("INVALID_RESULT", `must return the request object, but returned ${what}`);
    }
    for (const name of ["headers", "query", "parsed_query", "path", "method", "body"]) {
      const fault = faultIn(result[name], name, [result]);
      if (fault) return failed("INVALID_RESULT", fault.join(" "));
    }
    return undefined;
  };

  // The topmost place in the transformation's own source. `before` is the length of what precedes its first line.
  const placeIn = (stack, stage, before) => {
    const place = stage === "compile" ? /<input>:(\d+):(\d+)/ : /\btransformation\.js:(\d+):(\d+)/;
    const found = place.exec(String(stack));
    if (!found) return [];
    const [line, column] = [Number(found[1]), Number(found[2])];
    return [line, line === 1 ? Math.max(1, column - before) : column];
  };

  const thrown = (error, stage, before) => {
    if (!(error instanceof Error)) {
      let what;
      try {
        what = typeof error === "object" && error !== null ? JSON.stringify(error) : String(error);
      } catch {
        what = "something that cannot be shown";
      }
      return failed("THREW", `threw ${String(what).slice(0, MAX_MESSAGE)}`);
    }
    const name = String(error.name);
    const message = String(error.message).slice(0, MAX_MESSAGE) || "(no message)";
    if (name === "InternalError" && message === "out of memory") return failed("MEMORY_LIMIT", message);
    const hint = ABSENT.test(message) ? "; a transformation has no network, files, timers or modules" : "";
    const kind = stage === "compile" && name === "SyntaxError" ? "SYNTAX" : "THREW";
    return failed(kind, `${name}: ${message}${hint}`, ...placeIn(error.stack, stage, before));
  };

  return {
    describe(error, { stage, result, before }) {
      try {
        return (stage === "read" && unreadable(result)) || thrown(error, stage, before);
      } catch (another) {
        try {
          return thrown(another, stage, before);
        } catch {
          return failed("THREW", "threw something that cannot be shown");
        }
      }
    },
    refuseHandler(addHandler) {
      const fault = new TypeError('addHandler takes "transform" and a function');
      Error.captureStackTrace(fault, addHandler);
      throw fault;
    },
  };
})
