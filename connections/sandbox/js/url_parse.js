// Parsing and writing URLs, after the URL Standard.
((host) => {
  "use strict";
  const parts = (0, eval)(host("part", "url_host"))();
  const { PORTS, encode, fail, hostOf, isSpecial } = parts;

  // ---- Parsing (4.4), into {protocol, username, password, host, port, path (list, or opaque text), query, fragment}
  const DOT = /^(\.|%2e)$/i;
  const DOTS = /^(\.|%2e){2}$/i;
  const portOf = (text, protocol) => {
    if (!/^[0-9]*$/.test(text) || Number(text) > 65535) fail();
    return text === "" || String(Number(text)) === PORTS[protocol] ? "" : String(Number(text));
  };
  const isDrive = (text) => /^[a-z][:|]$/i.test(text);
  const appended = (path, text, protocol) => {
    const segments = text.split(isSpecial(protocol) ? /[/\\]/ : "/");
    segments.forEach((segment, at) => {
      const isLast = at === segments.length - 1;
      if (DOTS.test(segment)) {
        if (!(protocol === "file:" && path.length === 1 && isDrive(path[0]))) path.pop();
        if (isLast) path.push("");
      } else if (DOT.test(segment)) {
        if (isLast) path.push("");
      } else if (protocol === "file:" && path.length === 0 && isDrive(segment)) {
        path.push(`${segment[0]}:`);
      } else path.push(encode(segment, "path"));
    });
    return path;
  };
  const authority = (url, text) => {
    const at = text.lastIndexOf("@");
    if (at >= 0) {
      const [, name, password] = /^([^:]*):?([^]*)$/.exec(text.slice(0, at));
      url.username = encode(name, "userinfo");
      url.password = encode(password, "userinfo");
    }
    const rest = text.slice(at + 1);
    const [, name, port] = /^(\[[^\]]*\]|[^:]*)(?::([^]*))?$/.exec(rest) ?? fail();
    if (name === "" && (at >= 0 || port !== undefined || isSpecial(url.protocol))) fail();
    url.host = name === "" ? "" : hostOf(name, url.protocol);
    url.port = portOf(port ?? "", url.protocol);
  };
  const parse = (input, base) => {
    let rest = input.toWellFormed().replace(/^[\0-\x20]+|[\0-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
    const url = { protocol: "", username: "", password: "", host: null, port: "", path: [], query: null, fragment: null };
    const hash = rest.indexOf("#");
    if (hash >= 0) {
      url.fragment = encode(rest.slice(hash + 1), "fragment");
      rest = rest.slice(0, hash);
    }
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(rest);
    url.protocol = scheme ? scheme[0].toLowerCase() : (base?.protocol ?? fail());
    let isRelative = !scheme;
    if (scheme) {
      rest = rest.slice(scheme[0].length);
      const sameKind = base && base.protocol === url.protocol && isSpecial(url.protocol);
      isRelative = sameKind && !/^[/\\]/.test(rest) && url.protocol !== "file:" ? true : false;
    }
    if (isRelative && typeof base.path === "string" && (rest !== "" || hash < 0)) fail();
    const special = isSpecial(url.protocol);
    const slash = special ? /^[/\\]/ : /^\//;
    const queryAt = rest.indexOf("?");
    const query = queryAt >= 0 ? encode(rest.slice(queryAt + 1), special ? "specialQuery" : "query") : null;
    if (queryAt >= 0) rest = rest.slice(0, queryAt);
    url.query = query;

    const inherit = () => {
      for (const name of ["username", "password", "host", "port"]) url[name] = base[name];
    };
    if (url.protocol === "file:") {
      const named = /^[/\\]{2}([^/\\]*)([^]*)$/.exec(rest);
      if (named && !isDrive(named[1])) {
        const name = named[1] === "" ? "" : hostOf(named[1], url.protocol);
        url.host = name === "localhost" ? "" : name;
        url.path = appended([], named[2].replace(/^[/\\]/, ""), url.protocol);
        return url;
      }
      if (named) rest = rest.slice(2);
      url.host = "";
      const fromBase = base?.protocol === "file:" && !/^[/\\]/.test(rest);
      if (fromBase) {
        url.host = base.host;
        if (rest === "") {
          url.path = [...base.path];
          if (query === null) url.query = base.query;
          return url;
        }
        url.path = appended(base.path.slice(0, -1), rest, url.protocol);
        return url;
      }
      url.path = appended([], rest.replace(/^[/\\]/, ""), url.protocol);
      return url;
    }
    if (scheme && !isRelative && !special && !/^\//.test(rest)) {
      url.path = encode(rest, "control");
      return url;
    }
    const hasAuthority = special && !isRelative ? true : (special ? /^[/\\]{2}/ : /^\/\//).test(rest);
    if (hasAuthority) {
      rest = rest.replace(special && !isRelative ? /^[/\\]*/ : /^[/\\]{2}/, "");
      if (special) rest = rest.replace(/^[/\\]+/, "");
      const end = rest.search(special ? /[/\\]/ : /\//);
      authority(url, end < 0 ? rest : rest.slice(0, end));
      const path = end < 0 ? "" : rest.slice(end + 1);
      url.path = end < 0 && !special ? [] : appended([], path, url.protocol);
      return url;
    }
    if (!isRelative) {
      url.path = appended([], rest.slice(1), url.protocol);
      return url;
    }
    inherit();
    if (slash.test(rest)) url.path = appended([], rest.slice(1), url.protocol);
    else if (rest === "") {
      url.path = typeof base.path === "string" ? base.path : [...base.path];
      if (query === null) url.query = base.query;
    } else url.path = appended(base.path.slice(0, -1), rest, url.protocol);
    return url;
  };
  const pathOf = (url) => (typeof url.path === "string" ? url.path : url.path.map((segment) => `/${segment}`).join(""));
  const hostText = (url) => (url.host === null ? "" : url.port ? `${url.host}:${url.port}` : url.host);
  const written = (url) => {
    let out = url.protocol;
    if (url.host !== null) {
      out += "//";
      if (url.username || url.password) out += `${url.username}${url.password ? `:${url.password}` : ""}@`;
      out += hostText(url);
    } else if (typeof url.path !== "string" && url.path.length > 1 && url.path[0] === "") out += "/.";
    out += pathOf(url);
    if (url.query !== null) out += `?${url.query}`;
    return url.fragment === null ? out : `${out}#${url.fragment}`;
  };

  return { ...parts, appended, hostText, parse, pathOf, portOf, written };
})
