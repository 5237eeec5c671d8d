// Loaded into every fresh context before the transformation, so it is short. What a run may need beyond it lies in parts
// of their own, read when first named. Each part is a function of `host` that gives its globals.
__transform = (() => {
  const host = __host;
  const all = globalThis;
  const evaluate = eval;
  const { parse, stringify } = JSON;
  const define = Object.defineProperty;
  const part = (name) => evaluate(host("part", name))(host);
  const set = (name, value) => define(all, name, { value, writable: true, configurable: true });
  for (const [from, names] of [
    ["console", ["console"]],
    ["url", ["URL", "URLSearchParams"]],
    ["text", ["TextEncoder", "TextDecoder"]],
    ["clone", ["structuredClone"]],
    ["crypto", ["crypto"]],
  ])
    for (const name of names)
      define(all, name, {
        get() {
          const made = part(from);
          for (const each of names) set(each, made[each]);
          return made[name];
        },
        set: (value) => set(name, value),
        configurable: true,
      });
  delete all.__host;
  let handler;
  all.addHandler = function addHandler(name, wanted) {
    if (name === "transform" && typeof wanted === "function") handler = wanted;
    else part("errors").refuseHandler(addHandler);
  };
  const check = (name, value) => {
    const type = typeof value;
    if (type === "number" ? value - value !== 0 : type === "function" || type === "bigint" || type === "symbol") throw check;
    return value;
  };
  // JSON becomes its value, anything else stays text; gives what the value is as JSON.
  const readBody = (request, body) => {
    try {
      request.body = parse(body);
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
    return stringify(request.body);
  };
  // `source` is given when it did not compile: then this finds out why. An empty `meta` asks for no more than that.
  // The answer: S, the kind of the body (u: unchanged), the other fields as JSON, a line break, the body as JSON; or E
  // and the fault as JSON. While a promise waits, a function that gives the answer once there is one, else "".
  return function __transform__(source, opening, meta, body, encoding) {
    let before;
    let result;
    let main;
    let stage = "compile";
    const fail = (error) => part("errors").describe(error, { stage, result, before: opening });
    const read = (value) => {
      try {
        stage = "read";
        result = value;
        const { headers, query, parsed_query, path, method, body: after, body_encoding } = value;
        const fields = stringify([headers, query, parsed_query, path, method], check);
        if (Array.isArray(value) || typeof value !== "object") throw check;
        if (after === undefined || (before === undefined && after === body)) return `Su${fields}\n`;
        const text = stringify(after, check);
        if (text === before) return `Su${fields}\n`;
        if (after === null) return `Sn${fields}\n`;
        return `S${typeof after !== "string" ? "j" : body_encoding === "base64" ? "b" : "t"}${fields}\n${text}`;
      } catch (error) {
        return fail(error);
      }
    };
    try {
      delete all.__transform;
      if (source !== "") evaluate(source);
      main = all.__main;
      delete all.__main;
      if (meta === "") return "Su[]\n";
      stage = "run";
      const { request, context, env } = parse(meta);
      all.process = { env };
      request.body = body;
      if (encoding === "text") before = readBody(request, body);
      else if (encoding === "none") before = stringify((request.body = null));
      else if (encoding === "base64") request.body_encoding = encoding;
      const decide = (value) => (handler ? handler(request, context) : value);
      let value = main(request, context);
      value = value instanceof Promise ? value.then(decide) : decide(value);
      if (typeof value?.then !== "function") return read(value);
      let answer = "";
      Promise.resolve(value).then(
        (settled) => {
          answer = read(settled);
        },
        (error) => {
          answer = fail(error);
        },
      );
      return () => answer;
    } catch (error) {
      return fail(error);
    }
  };
})();
0;
