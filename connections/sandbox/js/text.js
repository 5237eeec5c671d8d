// TextEncoder and TextDecoder (UTF-8), as the Encoding Standard has them.
((host) => {
  "use strict";
  const { fromCharCode } = String;

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }

    encode(input = "") {
      const binary = unescape(encodeURIComponent(String(input).toWellFormed()));
      const bytes = new Uint8Array(binary.length);
      for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
      return bytes;
    }

    encodeInto(source, destination) {
      let read = 0;
      let written = 0;
      for (const character of String(source)) {
        const bytes = this.encode(character);
        if (written + bytes.length > destination.length) break;
        destination.set(bytes, written);
        written += bytes.length;
        read += character.length;
      }
      return { read, written };
    }
  }

  const LABELS = ["utf-8", "utf8", "unicode-1-1-utf-8"];

  class TextDecoder {
    #fatal;
    #keepsMark;
    #pending = [];

    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!LABELS.includes(String(label).trim().toLowerCase())) {
        throw new RangeError(`TextDecoder knows UTF-8 only, not ${label}`);
      }
      this.#fatal = Boolean(fatal);
      this.#keepsMark = Boolean(ignoreBOM);
    }

    get encoding() {
      return "utf-8";
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#keepsMark;
    }

    decode(input = new Uint8Array(0), { stream = false } = {}) {
      const bytes = [...this.#pending, ...asBytes(input)];
      const end = stream ? bytes.length - unfinished(bytes) : bytes.length;
      this.#pending = bytes.slice(end);
      const text = decoded(bytes.slice(0, end), this.#fatal);
      return !this.#keepsMark && text.startsWith("\ufeff") ? text.slice(1) : text;
    }
  }

  const asBytes = (input) => {
    if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    if (input instanceof ArrayBuffer || input instanceof SharedArrayBuffer) return new Uint8Array(input);
    throw new TypeError("decode takes an ArrayBuffer or a view of one");
  };

  const lengthFrom = (first) => (first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0);

  // What the byte after `first` may be, so that overlong forms and surrogates are refused (Encoding Standard, 4.2).
  const isSecond = (first, second) => {
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
  };

  const unfinished = (bytes) => {
    for (let back = 1; back <= Math.min(3, bytes.length); back++) {
      const first = bytes[bytes.length - back];
      if ((first & 0xc0) !== 0x80) return lengthFrom(first) > back ? back : 0;
    }
    return 0;
  };

  const decoded = (bytes, fatal) => {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const first = bytes[at];
      const length = lengthFrom(first);
      let have = length ? 1 : 0;
      while (have && have < length && at + have < bytes.length) {
        const next = bytes[at + have];
        if (have === 1 ? !isSecond(first, next) : (next & 0xc0) !== 0x80) break;
        have++;
      }
      if (!length || have < length) {
        if (fatal) throw new TypeError("the bytes are not valid UTF-8");
        text += "\ufffd";
        at += Math.max(1, have);
        continue;
      }
      if (length === 1) text += fromCharCode(first);
      else {
        let point = first & (0xff >> (length + 1));
        for (let next = 1; next < length; next++) point = (point << 6) | (bytes[at + next] & 0x3f);
        text += String.fromCodePoint(point);
      }
      at += length;
    }
    return text;
  };

  return { TextEncoder, TextDecoder };
})
