// Public keys of certificates, and signatures by algorithms that go by object identifiers.

const HASHES = {
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};
const [RSA, EC, ED25519] = ["1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.101.112"];
const SIGNATURES = {
  "1.2.840.113549.1.1.11": [RSA, "SHA-256"],
  "1.2.840.113549.1.1.12": [RSA, "SHA-384"],
  "1.2.840.113549.1.1.13": [RSA, "SHA-512"],
  "1.2.840.10045.4.3.2": [EC, "SHA-256"],
  "1.2.840.10045.4.3.3": [EC, "SHA-384"],
  "1.2.840.10045.4.3.4": [EC, "SHA-512"],
  [ED25519]: [ED25519, "SHA-512"],
};
const CURVES = { "1.2.840.10045.3.1.7": P256, "1.3.132.0.34": P384 };

const signatureKind = (name) => (Object.hasOwn(SIGNATURES, name) ? SIGNATURES[name] : ["", ""]);
const digestOf = async (hash, bytes) => new Uint8Array(await crypto.subtle.digest(hash, bytes));

// The name of an algorithm that has no parameters.
function readAlgorithm(element) {
  const fields = new Fields(element);
  const name = fields.take(OBJECT).name();
  const nothing = fields.maybe(NULL);
  fields.end();
  if (nothing?.contents.length) throw new MalformedDer("an algorithm with parameters");
  return name;
}

// As WebCrypto names it; MalformedDer for a weak or unknown one.
function readHash(element) {
  const name = readAlgorithm(element);
  if (!Object.hasOwn(HASHES, name)) {
    throw new MalformedDer(`hash ${name} is not one of SHA-256, SHA-384 and SHA-512`);
  }
  return HASHES[name];
}

class PublicKey {
  constructor(kind, bytes, more = {}) {
    Object.assign(this, { kind, bytes }, more);
  }

  // Whether this key, being of that kind, made the signature over that hash.
  async fits(kind, hash, signature, message) {
    if (kind !== this.kind) return false;
    if (kind === RSA) return this.fitsRsa(hash, signature, message);
    if (kind === ED25519) return verifyPlainly(this.bytes, signature, message);
    let pair;
    try {
      pair = readEcdsa(this.curve, signature);
    } catch {
      return false;
    }
    return verifyEcdsa(this.curve, this.bytes, pair, message, hash);
  }

  // RFC 8017, 8.2.2: what was signed has one encoding, which is made and compared.
  async fitsRsa(hash, signature, message) {
    const size = Math.ceil(this.modulus.toString(2).length / 8);
    if (signature.length !== size || number(signature) >= this.modulus) return false;
    const found = raised(number(signature), this.exponent, this.modulus);
    const digest = await digestOf(hash, message);
    const { length } = digest;
    const last = Object.values(HASHES).indexOf(hash) + 1; // of the identifier: SHA-256 ends with 1
    const name = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last];
    const info = Uint8Array.of(0x30, 17 + length, 0x30, 13, 6, 9, ...name, 5, 0, 4, length);
    const padding = "ff".repeat(size - info.length - length - 3);
    const expected = `0001${padding}00${toHex(info)}${toHex(digest)}`;
    return found.toString(16).padStart(2 * size, "0") === expected;
  }
}

function raised(base, exponent, modulus) {
  let result = 1n;
  for (; exponent; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % modulus;
    base = (base * base) % modulus;
  }
  return result;
}

function readPublicKey(element) {
  const fields = new Fields(element);
  const algorithm = new Fields(fields.take(SEQUENCE));
  const bits = fields.take(BITS).bits();
  fields.end();
  const kind = algorithm.take(OBJECT).name();
  if (kind === EC) {
    const curve = CURVES[algorithm.take(OBJECT).name()];
    algorithm.end();
    if (curve === undefined || !isPoint(curve, bits)) {
      throw new MalformedDer("a public key that is no point of P-256 or P-384");
    }
    return new PublicKey(kind, bits, { curve });
  }
  if (kind === ED25519) {
    algorithm.end();
    checkPublicKey(bits);
    return new PublicKey(kind, bits);
  }
  if (kind !== RSA || algorithm.take(NULL).contents.length) {
    throw new MalformedDer(`a public key of kind ${kind}`);
  }
  algorithm.end();
  const numbers = new Fields(readDer(bits));
  const [modulus, exponent] = [numbers.take(INTEGER).integer(), numbers.take(INTEGER).integer()];
  numbers.end();
  const isOdd = modulus > 0n && modulus & exponent & 1n;
  const isLarge = modulus >= 1n << 2047n && modulus < 1n << 8192n;
  if (!isOdd || !isLarge || exponent < 3n || exponent >= 1n << 32n) {
    throw new MalformedDer("an RSA key out of bounds");
  }
  return new PublicKey(kind, bits, { modulus, exponent });
}
