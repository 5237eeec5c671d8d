// Percent-encoding and hosts of the URL Standard (https://url.spec.whatwg.org/). Section numbers are that document's.
(() => {
  "use strict";
  const { fromCharCode } = String;
  const PORTS = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21", "file:": "" };
  const isSpecial = (protocol) => Object.hasOwn(PORTS, protocol);

  // ---- Percent-encoding (1.3)
  const utf8 = (text) => unescape(encodeURIComponent(text.toWellFormed()));
  const HEX = "0123456789ABCDEF";
  const escaped = (byte) => `%${HEX[byte >> 4]}${HEX[byte & 15]}`;
  const SETS = {
    control: "",
    fragment: ' "<>`',
    query: ' "#<>',
    specialQuery: ' "#<>\'',
    path: ' "#<>?^`{}',
    userinfo: ' "#<>?^`{}/:;=@[\\]|',
  };
  const encode = (text, set) => {
    let out = "";
    for (const character of text) {
      const plain = character > "\x1f" && character < "\x7f" && !SETS[set].includes(character);
      if (plain) out += character;
      else for (const byte of utf8(character)) out += escaped(byte.charCodeAt(0));
    }
    return out;
  };
  const decode = (text) => {
    if (!text.includes("%")) return text;
    const bytes = utf8(text).replace(/%([0-9a-f]{2})/gi, (_, hex) => fromCharCode(parseInt(hex, 16)));
    try {
      return decodeURIComponent(escape(bytes));
    } catch {
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes, (each) => each.charCodeAt(0)));
    }
  };

  // ---- Hosts (3.5)
  const digitOf = (value) => fromCharCode(value < 26 ? value + 97 : value + 22);
  const punycode = (label) => {
    const points = Array.from(label, (character) => character.codePointAt(0));
    const basic = points.filter((point) => point < 128);
    let out = fromCharCode(...basic) + (basic.length ? "-" : "");
    let [next, delta, bias, handled] = [128, 0, 72, basic.length];
    while (handled < points.length) {
      const lowest = Math.min(...points.filter((point) => point >= next));
      delta += (lowest - next) * (handled + 1);
      next = lowest;
      for (const point of points) {
        if (point < next) delta++;
        if (point !== next) continue;
        let rest = delta;
        for (let base = 36; ; base += 36) {
          const threshold = Math.min(26, Math.max(1, base - bias));
          if (rest < threshold) break;
          out += digitOf(threshold + ((rest - threshold) % (36 - threshold)));
          rest = Math.floor((rest - threshold) / (36 - threshold));
        }
        out += digitOf(rest);
        let spread = handled === basic.length ? Math.floor(delta / 700) : delta >> 1;
        spread += Math.floor(spread / (handled + 1));
        let steps = 0;
        for (; spread > 455; steps += 36) spread = Math.floor(spread / 35);
        bias = steps + Math.floor((36 * spread) / (spread + 38));
        delta = 0;
        handled++;
      }
      delta++;
      next++;
    }
    return `xn--${out}`;
  };
  const numberOf = (part) => {
    if (/^0x[0-9a-f]*$/i.test(part)) return part.length === 2 ? 0 : parseInt(part.slice(2), 16);
    if (/^0[0-7]+$/.test(part)) return parseInt(part, 8);
    return /^(0|[1-9][0-9]*)$/.test(part) ? Number(part) : NaN;
  };
  const ipv4 = (name) => {
    const parts = name.split(".");
    if (parts.length > 1 && parts.at(-1) === "") parts.pop();
    if (!/^([0-9]+|0x[0-9a-f]*)$/i.test(parts.at(-1))) return null;
    const numbers = parts.map(numberOf);
    const last = numbers.pop();
    if (parts.length > 4 || numbers.some((each) => !(each < 256)) || !(last < 256 ** (4 - numbers.length))) fail();
    let value = last;
    numbers.forEach((each, at) => (value += each * 256 ** (3 - at)));
    return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
  };
  const ipv6 = (text) => {
    let address = text;
    const dotted = /^(.*:)((?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2}))$/.exec(address);
    if (dotted) {
      const [a, b, c, d] = dotted[2].split(".").map(Number);
      if (Math.max(a, b, c, d) > 255) fail();
      address = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    }
    const halves = address.split("::");
    if (halves.length > 2) fail();
    const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":")));
    const missing = 8 - head.length - (tail?.length ?? 0);
    if (tail ? missing < 1 : missing !== 0) fail();
    const pieces = [...head, ...new Array(tail ? missing : 0).fill("0"), ...(tail ?? [])];
    if (pieces.some((piece) => !/^[0-9a-f]{1,4}$/i.test(piece))) fail();
    const values = pieces.map((piece) => parseInt(piece, 16).toString(16));
    const runs = [...values.join(":").matchAll(/(?:^|(?<=:))0(?::0)+(?=:|$)/g)].map((found) => found[0]);
    const longest = runs.reduce((best, each) => (each.length > best.length ? each : best), "");
    const short = values.join(":");
    if (!longest) return `[${short}]`;
    const at = `:${short}:`.indexOf(`:${longest}:`);
    const [before, after] = [short.slice(0, Math.max(0, at - 1)), short.slice(at + longest.length + 1)];
    return `[${before}::${after}]`;
  };
  const hostOf = (text, protocol) => {
    if (text.startsWith("[")) return text.endsWith("]") ? ipv6(text.slice(1, -1)) : fail();
    if (!isSpecial(protocol)) {
      if (/[\0\t\n\r #/:<>?@[\\\]^|]/.test(text)) fail();
      return encode(text, "control");
    }
    const mapped = decode(text).normalize("NFKC").toLowerCase().normalize("NFKC").replace(/[\u3002\uff0e\uff61]/g, ".");
    const name = mapped.replaceAll("\u00ad", "").split(".").map((label) => (/[^\0-\x7f]/.test(label) ? punycode(label) : label)).join(".");
    if (name === "" || /[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f]/.test(name)) fail();
    return ipv4(name) ?? name;
  };

  function InvalidURL() {}
  const fail = () => {
    throw new InvalidURL();
  };

  return { PORTS, InvalidURL, decode, encode, escaped, fail, hostOf, isSpecial };
})
