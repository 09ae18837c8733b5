// Ed25519 (RFC 8032): the check that a key passes when it is registered; verification by WebCrypto
// where the browser has it, else, and for the few signatures of the checkpoint, by itself.

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n; // order of the base point
const mod = (n) => ((n % P) + P) % P;

function power(base, exponent) {
  let result = 1n;
  for (base = mod(base); exponent; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % P;
    base = (base * base) % P;
  }
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));
const SQRT_M1 = power(2n, (P - 1n) / 4n);
const IDENTITY = [0n, 1n, 1n, 0n]; // X, Y, Z, T of 5.1.4

function littleEndian(bytes) {
  return BigInt(`0x${toHex(bytes.slice().reverse())}`);
}

// 5.1.3. `strict`: y below p, and no sign on x = 0.
function decompress(bytes, strict) {
  if (bytes.length !== 32) throw new KeyRefused("an Ed25519 public key has 32 bytes");
  const number = littleEndian(bytes);
  const sign = number >> 255n;
  const y = number & (2n ** 255n - 1n);
  if (strict && y >= P) throw new KeyRefused("public key is not canonically encoded");
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  if (mod(v * x * x - u)) {
    x = mod(x * SQRT_M1);
    if (mod(v * x * x - u)) throw new KeyRefused("public key is not on the curve");
  }
  if (strict && !x && sign) throw new KeyRefused("public key is not canonically encoded");
  if ((x & 1n) !== sign) x = mod(-x);
  return [x, mod(y), 1n, mod(x * y)];
}

function add(p, q) {
  const a = (p[1] - p[0]) * (q[1] - q[0]);
  const b = (p[1] + p[0]) * (q[1] + q[0]);
  const c = ((2n * p[3] * q[3]) % P) * D;
  const d = 2n * p[2] * q[2];
  const [e, f, g, h] = [mod(b - a), mod(d - c), mod(d + c), mod(b + a)];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function multiply(scalar, point) {
  let result = IDENTITY;
  for (const bit of scalar.toString(2)) {
    result = add(result, result);
    if (bit === "1") result = add(result, point);
  }
  return result;
}

function compress(point) {
  const inverse = power(point[2], P - 2n);
  const x = mod(point[0] * inverse);
  const number = mod(point[1] * inverse) | ((x & 1n) << 255n);
  return fromHex(number.toString(16).padStart(64, "0")).reverse();
}

const BASE = decompress(fromHex(`58${"66".repeat(31)}`), true);

// A small-order key lets one signature fit several messages; a mixed-order key lets verifiers disagree.
function checkPublicKey(bytes) {
  const name = toHex(bytes);
  if (SOUND_KEYS.has(name)) return;
  const point = decompress(bytes, true);
  if (!point[0] && point[1] === point[2]) throw new KeyRefused("public key is the identity");
  const end = multiply(L, point);
  if (end[0] || end[1] !== end[2]) {
    throw new KeyRefused("public key is of small or mixed order: make a new one");
  }
  SOUND_KEYS.add(name);
}
const SOUND_KEYS = new Set(); // those looked at already

// 5.1.7 without the cofactor: S below L, and the encoding of [S]B - [k]A is R's bytes.
async function verifyPlainly(bytes, signature, message) {
  const s = signature.length === 64 ? littleEndian(signature.subarray(32)) : L;
  if (s >= L) return false;
  let key;
  try {
    key = decompress(bytes, false);
  } catch {
    return false;
  }
  const all = joined(signature.subarray(0, 32), bytes, message);
  const k = littleEndian(new Uint8Array(await crypto.subtle.digest("SHA-512", all))) % L;
  const minus = [mod(-key[0]), key[1], key[2], mod(-key[3])];
  const r = add(multiply(s, BASE), multiply(k, minus));
  return sameBytes(compress(r), signature.subarray(0, 32));
}

// Keys by their id, ready before their signatures are asked for.
class KeyRing {
  constructor(native) {
    this.native = native;
    this.keys = new Map();
  }

  // Whether this browser's WebCrypto has Ed25519.
  static async open(plain = false) {
    try {
      await crypto.subtle.importKey("raw", BASE_BYTES, "Ed25519", false, ["verify"]);
      return new KeyRing(!plain);
    } catch {
      return new KeyRing(false);
    }
  }

  async offer(bytes) {
    const id = toHex(sha256(bytes));
    if (bytes.length !== 32 || this.keys.has(id)) return;
    let handle = null;
    try {
      if (this.native) handle = await crypto.subtle.importKey("raw", bytes, "Ed25519", false, ["verify"]);
    } catch {
      handle = null;
    }
    this.keys.set(id, { bytes, handle });
  }

  // Whether the envelope is signed by the key that it names; false for an unknown one.
  async fits(envelope) {
    const key = this.keys.get(envelope.keyid);
    if (key === undefined || envelope.signature.length !== 64) return false;
    const message = preAuthentication(envelope);
    if (key.handle === null) return verifyPlainly(key.bytes, envelope.signature, message);
    return crypto.subtle.verify("Ed25519", key.handle, envelope.signature, message);
  }
}
const BASE_BYTES = compress(BASE);
