// Bytes: hex, UTF-8, base64, SHA-256, CRC-32. One line names the standard where there is one.

class EvidenceError extends Error {
  constructor(message = "", code = "") {
    super(message);
    this.code = code; // a key of WORDS.findings, where there is one
  }
}
class FormatError extends EvidenceError {}
class SignatureError extends EvidenceError {}
class KeyRefused extends SignatureError {}
class ProofError extends EvidenceError {}
class ContentError extends EvidenceError {}
class BundleError extends FormatError {
  constructor(where, message, code = "") {
    super(`${where}: ${message}`, code);
    this.where = where;
  }
}

const UTF8 = new TextEncoder();
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf8 = (text) => UTF8.encode(text);

function fromUtf8(bytes) {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch {
    throw new FormatError("not UTF-8");
  }
}

// A character a byte, for expressions over bytes.
function fromLatin1(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

const HEX_OF = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function toHex(bytes) {
  let text = "";
  for (const byte of bytes) text += HEX_OF[byte];
  return text;
}

const nibble = (code) => (code < 58 ? code - 48 : code - 87); // of 0-9, a-f

function fromHex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (nibble(text.charCodeAt(2 * i)) << 4) | nibble(text.charCodeAt(2 * i + 1));
  }
  return bytes;
}

function joined(...pieces) {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function sameBytes(left, right) {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

const BASE64 = /^[A-Za-z0-9+/]*$/;
const BASE64_END = /^(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4}|)$/;

// Slice by slice: an expression over millions of characters runs out of stack.
function isBase64(text) {
  const end = Math.max(text.length - 4, 0);
  for (let at = 0; at < end; at += 8192) {
    if (!BASE64.test(text.slice(at, Math.min(at + 8192, end)))) return false;
  }
  return text.length % 4 === 0 && BASE64_END.test(text.slice(end));
}

// RFC 4648 section 4, padded, unused bits zero; anything else is refused.
function fromBase64(text) {
  if (!isBase64(text)) throw new FormatError("not base64");
  const decoded = atob(text);
  if (text.endsWith("=") && btoa(decoded.slice(-(decoded.length % 3))) !== text.slice(-4)) {
    throw new FormatError("not canonical base64");
  }
  const bytes = new Uint8Array(decoded.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = decoded.charCodeAt(i);
  return bytes;
}

// FIPS 180-4. In plain JavaScript, because WebCrypto hashes nothing piece by piece, and because
// hundreds of thousands of small hashes are quicker than as many promises.
const SHA_START = Int32Array.from([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);
const SHA_ROUND = Int32Array.from([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
const SHA_WORDS = new Int32Array(64);

class Sha256 {
  constructor() {
    this.state = SHA_START.slice();
    this.block = new Uint8Array(64);
    this.held = 0;
    this.length = 0;
  }

  update(bytes) {
    this.length += bytes.length;
    let at = 0;
    if (this.held) {
      at = Math.min(64 - this.held, bytes.length);
      this.block.set(bytes.subarray(0, at), this.held);
      this.held += at;
      if (this.held < 64) return this;
      this.compress(this.block, 0);
      this.held = 0;
    }
    for (; at + 64 <= bytes.length; at += 64) this.compress(bytes, at);
    this.held = bytes.length - at;
    for (let i = 0; i < this.held; i++) this.block[i] = bytes[at + i];
    return this;
  }

  digest() {
    const { block, length } = this;
    block[this.held++] = 0x80;
    if (this.held > 56) {
      this.compress(block.fill(0, this.held), 0);
      this.held = 0;
    }
    block.fill(0, this.held);
    const bits = new DataView(block.buffer);
    bits.setUint32(56, Math.floor(length / 2 ** 29));
    bits.setUint32(60, (length * 8) % 2 ** 32);
    this.compress(block, 0);
    const out = new Uint8Array(32);
    for (let i = 0; i < 32; i++) out[i] = this.state[i >> 2] >>> (24 - 8 * (i & 3));
    return out;
  }

  compress(bytes, at) {
    const w = SHA_WORDS;
    for (let i = 0; i < 16; i++, at += 4) {
      w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    const s = this.state;
    let a = s[0];
    let b = s[1];
    let c = s[2];
    let d = s[3];
    let e = s[4];
    let f = s[5];
    let g = s[6];
    let h = s[7];
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + SHA_ROUND[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
    s[4] += e;
    s[5] += f;
    s[6] += g;
    s[7] += h;
  }
}

function sha256(...pieces) {
  const hash = new Sha256();
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

// As zip has it; goes on from `crc`.
function crc32(bytes, crc = 0) {
  crc = ~crc;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
