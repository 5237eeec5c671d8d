// URL and URLSearchParams after the URL Standard.
((host) => {
  "use strict";
  const { InvalidURL, appended, decode, encode, escaped, fail, hostOf, hostText, isSpecial, parse, pathOf, portOf, written } =
    (0, eval)(host("part", "url_parse"))(host);

  // ---- application/x-www-form-urlencoded (5)
  const formDecode = (text) => decode(text.replaceAll("+", " "));
  const formEncode = (text) =>
    encodeURIComponent(text.toWellFormed()).replace(/%20/g, "+").replace(/[!'()~]/g, (each) => escaped(each.charCodeAt(0)));
  const formParse = (text) =>
    text
      .split("&")
      .filter((each) => each !== "")
      .map((each) => {
        const at = each.indexOf("=");
        return at < 0 ? [formDecode(each), ""] : [formDecode(each.slice(0, at)), formDecode(each.slice(at + 1))];
      });

  class URLSearchParams {
    #pairs = [];
    #changed = null;

    constructor(init = "") {
      if (typeof init === "object" && init !== null) {
        const pairs = typeof init[Symbol.iterator] === "function" ? [...init] : Object.entries(init);
        for (const pair of pairs) {
          const both = [...pair];
          if (both.length !== 2) throw new TypeError("each pair must have a name and a value");
          this.#pairs.push([String(both[0]).toWellFormed(), String(both[1]).toWellFormed()]);
        }
      } else this.#pairs = formParse(String(init).toWellFormed().replace(/^\?/, ""));
    }

    static attach(params, changed) {
      params.#changed = changed;
    }
    static reset(params, query) {
      params.#pairs = formParse(query);
    }
    #tell() {
      this.#changed?.(this.toString());
    }

    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#pairs.push([String(name).toWellFormed(), String(value).toWellFormed()]);
      this.#tell();
    }
    delete(name, value) {
      const isMeant = (pair) => pair[0] === String(name) && (value === undefined || pair[1] === String(value));
      this.#pairs = this.#pairs.filter((pair) => !isMeant(pair));
      this.#tell();
    }
    get(name) {
      return this.#pairs.find((pair) => pair[0] === String(name))?.[1] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter((pair) => pair[0] === String(name)).map((pair) => pair[1]);
    }
    has(name, value) {
      return this.#pairs.some((pair) => pair[0] === String(name) && (value === undefined || pair[1] === String(value)));
    }
    set(name, value) {
      const [wanted, text] = [String(name).toWellFormed(), String(value).toWellFormed()];
      const first = this.#pairs.find((pair) => pair[0] === wanted);
      if (first) {
        first[1] = text;
        this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== wanted);
      } else this.#pairs.push([wanted, text]);
      this.#tell();
    }
    sort() {
      this.#pairs.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
      this.#tell();
    }
    forEach(callback, self) {
      for (const [name, value] of this) callback.call(self, value, name, this);
    }
    *entries() {
      for (let at = 0; at < this.#pairs.length; at++) yield [...this.#pairs[at]];
    }
    *keys() {
      for (const [name] of this) yield name;
    }
    *values() {
      for (const [, value] of this) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return this.#pairs.map(([name, value]) => `${formEncode(name)}=${formEncode(value)}`).join("&");
    }
  }
  const { attach, reset } = URLSearchParams;
  delete URLSearchParams.attach;
  delete URLSearchParams.reset;

  const tryParse = (input, base) => {
    try {
      return parse(String(input), base === undefined ? undefined : parse(String(base)));
    } catch (error) {
      if (error instanceof InvalidURL) return null;
      throw error;
    }
  };

  class URL {
    #url;
    #params;

    constructor(input, base) {
      this.#url = tryParse(input, base);
      if (this.#url === null) throw new TypeError(`Invalid URL: ${String(input).slice(0, 200)}`);
      this.#params = new URLSearchParams(this.#url.query ?? "");
      attach(this.#params, (query) => {
        this.#url.query = query === "" ? null : query;
      });
    }

    static canParse(input, base) {
      return tryParse(input, base) !== null;
    }
    static parse(input, base) {
      return URL.canParse(input, base) ? new URL(input, base) : null;
    }

    // Setters leave the URL as it is when the new value does not fit (6.1).
    #attempt(change) {
      const copy = { ...this.#url };
      try {
        change(copy);
        this.#url = copy;
      } catch (error) {
        if (!(error instanceof InvalidURL)) throw error;
      }
    }

    get href() {
      return written(this.#url);
    }
    set href(value) {
      const url = tryParse(value);
      if (url === null) throw new TypeError(`Invalid URL: ${String(value).slice(0, 200)}`);
      this.#url = url;
      reset(this.#params, url.query ?? "");
    }
    get origin() {
      const { protocol } = this.#url;
      return isSpecial(protocol) && protocol !== "file:" ? `${protocol}//${hostText(this.#url)}` : "null";
    }
    get protocol() {
      return this.#url.protocol;
    }
    set protocol(value) {
      const found = /^([a-z][a-z0-9+.-]*)(:|$)/i.exec(String(value));
      const wanted = found && `${found[1].toLowerCase()}:`;
      if (!wanted || isSpecial(wanted) !== isSpecial(this.#url.protocol) || wanted === "file:") return;
      this.#attempt((url) => {
        url.protocol = wanted;
        url.port = portOf(url.port, wanted);
      });
    }
    get username() {
      return this.#url.username;
    }
    set username(value) {
      if (this.#url.host && this.#url.protocol !== "file:") this.#url.username = encode(String(value), "userinfo");
    }
    get password() {
      return this.#url.password;
    }
    set password(value) {
      if (this.#url.host && this.#url.protocol !== "file:") this.#url.password = encode(String(value), "userinfo");
    }
    get host() {
      return hostText(this.#url);
    }
    set host(value) {
      if (typeof this.#url.path === "string") return;
      this.#attempt((url) => {
        const found = /^(\[[^\]]*\]|[^:/?#\\]*)(?::([0-9]*))?/.exec(String(value));
        if (found[1] === "") fail();
        url.host = hostOf(found[1], url.protocol);
        if (found[2]) url.port = portOf(found[2], url.protocol);
      });
    }
    get hostname() {
      return this.#url.host ?? "";
    }
    set hostname(value) {
      if (typeof this.#url.path === "string") return;
      this.#attempt((url) => {
        const found = /^(\[[^\]]*\]|[^:/?#\\]*)/.exec(String(value));
        if (found[1] === "") fail();
        url.host = hostOf(found[1], url.protocol);
      });
    }
    get port() {
      return this.#url.port;
    }
    set port(value) {
      if (!this.#url.host || this.#url.protocol === "file:") return;
      const digits = /^[0-9]*/.exec(String(value))[0];
      if (digits !== "" || String(value) === "") this.#attempt((url) => (url.port = portOf(digits, url.protocol)));
    }
    get pathname() {
      return pathOf(this.#url);
    }
    set pathname(value) {
      if (typeof this.#url.path === "string") return;
      const special = isSpecial(this.#url.protocol);
      const text = String(value).toWellFormed().replace(/[\t\n\r]/g, "").replace(special ? /^[/\\]/ : /^\//, "");
      this.#url.path = appended([], text, this.#url.protocol);
    }
    get search() {
      return this.#url.query ? `?${this.#url.query}` : "";
    }
    set search(value) {
      const text = String(value).replace(/[\t\n\r]/g, "").replace(/^\?/, "");
      const set = isSpecial(this.#url.protocol) ? "specialQuery" : "query";
      this.#url.query = text === "" ? null : encode(text.toWellFormed(), set);
      reset(this.#params, this.#url.query ?? "");
    }
    get searchParams() {
      return this.#params;
    }
    get hash() {
      return this.#url.fragment ? `#${this.#url.fragment}` : "";
    }
    set hash(value) {
      const text = String(value).replace(/[\t\n\r]/g, "").replace(/^#/, "");
      this.#url.fragment = text === "" ? null : encode(text.toWellFormed(), "fragment");
    }
    toString() {
      return this.href;
    }
    toJSON() {
      return this.href;
    }
  }

  return { URL, URLSearchParams };
})
