// Digests without waiting: crypto.createHash and createHmac as in Node, short forms, and the Web's subtle.digest.
((host) => {
  "use strict";
  const ALGORITHMS = ["md5", "sha1", "sha256", "sha384", "sha512"];
  const ENCODINGS = ["hex", "base64", "base64url"];

  const algorithmOf = (name) => {
    const known = String(name?.name ?? name).toLowerCase().replace("-", "");
    if (!ALGORITHMS.includes(known)) throw new TypeError(`unknown digest ${name}; there are ${ALGORITHMS.join(", ")}`);
    return known;
  };

  const view = (data) => {
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    throw new TypeError("a digest takes text or bytes (ArrayBuffer, Uint8Array)");
  };
  const binaryOf = (bytes) => {
    let binary = "";
    for (let at = 0; at < bytes.length; at += 8192) {
      binary += String.fromCharCode.apply(null, bytes.subarray(at, at + 8192));
    }
    return binary;
  };
  // How data crosses to the host: ["utf8", text] or ["latin1", one character for each byte].
  const portable = (data, encoding = "utf8") => {
    if (typeof data !== "string") return ["latin1", binaryOf(view(data))];
    switch (encoding) {
      case "utf8":
      case "utf-8":
        return ["utf8", data.toWellFormed()];
      case "latin1":
      case "binary":
        return ["latin1", data.replace(/[^\x00-\xff]/g, (each) => String.fromCharCode(each.charCodeAt(0) & 0xff))];
      case "hex":
        return ["latin1", (data.match(/[0-9a-f]{2}/gi) ?? []).map((each) => String.fromCharCode(parseInt(each, 16))).join("")];
      case "base64":
      case "base64url":
        return ["latin1", atob(data.replaceAll("-", "+").replaceAll("_", "/"))];
      default:
        throw new TypeError(`unknown encoding ${encoding}; there are utf8, latin1, hex, base64, base64url`);
    }
  };

  const digestOf = (algorithm, key, parts, encoding) => {
    if (encoding !== undefined && !ENCODINGS.includes(encoding)) {
      throw new TypeError(`unknown encoding ${encoding}; there are ${ENCODINGS.join(", ")}`);
    }
    const hex = host("digest", JSON.stringify([algorithm, key, parts]));
    if (typeof hex !== "string") throw new RangeError("the data is too large to be digested");
    if (encoding === "hex") return hex;
    const bytes = Uint8Array.from(hex.match(/../g), (each) => parseInt(each, 16));
    if (encoding === undefined) return bytes;
    const text = btoa(binaryOf(bytes));
    return encoding === "base64" ? text : text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };

  class Digest {
    #algorithm;
    #key;
    #parts = [];

    constructor(algorithm, key) {
      this.#algorithm = algorithm;
      this.#key = key;
    }

    update(data, encoding) {
      if (this.#parts === null) throw new Error("digest() has been called already");
      this.#parts.push(portable(data, encoding));
      return this;
    }

    digest(encoding) {
      if (this.#parts === null) throw new Error("digest() has been called already");
      const parts = this.#parts;
      this.#parts = null;
      return digestOf(this.#algorithm, this.#key, parts, encoding);
    }
  }

  const randomBytes = (count) => {
    const hex = host("random", String(count));
    if (typeof hex !== "string") throw new RangeError("at most 65536 random bytes at once");
    return Uint8Array.from(hex.match(/../g) ?? [], (each) => parseInt(each, 16));
  };
  const createHash = (algorithm) => new Digest(algorithmOf(algorithm), null);
  const createHmac = (algorithm, key) => new Digest(algorithmOf(algorithm), portable(key));
  const short = (algorithm) => (data, encoding = "hex") => createHash(algorithm).update(data).digest(encoding);

  const crypto = {
    createHash,
    createHmac,
    md5: short("md5"),
    sha1: short("sha1"),
    sha256: short("sha256"),
    sha384: short("sha384"),
    sha512: short("sha512"),
    hmac: (algorithm, key, data, encoding = "hex") => createHmac(algorithm, key).update(data).digest(encoding),
    timingSafeEqual(left, right) {
      const [a, b] = [view(left), view(right)];
      if (a.length !== b.length) throw new RangeError("both must have the same length");
      let difference = 0;
      for (let at = 0; at < a.length; at++) difference |= a[at] ^ b[at];
      return difference === 0;
    },
    randomBytes,
    randomUUID() {
      const bytes = randomBytes(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      const hex = Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    },
    getRandomValues(target) {
      const bytes = view(target);
      bytes.set(randomBytes(bytes.length));
      return target;
    },
    subtle: {
      async digest(algorithm, data) {
        return createHash(algorithm).update(view(data)).digest().buffer;
      },
    },
  };
  return { crypto };
})
