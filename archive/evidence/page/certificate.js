// X.509 certificates (RFC 5280) as far as timestamp authorities need them, on hostile bytes.

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
const [TIME_STAMPING, ANY_PURPOSE] = ["1.3.6.1.5.5.7.3.8", "2.5.29.37.0"];
const [CONSTRAINTS, USAGE, PURPOSES] = ["2.5.29.19", "2.5.29.15", "2.5.29.37"];
const UNDERSTOOD = [CONSTRAINTS, USAGE, PURPOSES, "2.5.29.32"]; // the last: policies
const [SIGNS, COMMITS, CERTIFIES] = [0, 1, 5]; // bits of the key's usage
const ANY_DEPTH = 99n;
const COMMON_NAME = "2.5.4.3";
// Letters that look alike to everybody who reads the report: no marks, controls or directions.
const READABLE =
  /^[ -~\u00a1-\u00ac\u00ae-\u024f\u0370-\u0482\u048a-\u052f\u3001-\u3029\u3041-\u3096\u30a1-\u30ff\u3400-\u9fff\uac00-\ud7a3]{1,200}$/;
const PEM =
  /-----BEGIN CERTIFICATE-----[ \t\n\r\f\v]+([A-Za-z0-9+/= \t\n\r\f\v]+?)[ \t\n\r\f\v]+-----END CERTIFICATE-----/g;

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
    const last = Object.values(HASHES).indexOf(hash) + 1; // SHA-256 ends with .1, and so on
    const info = fromHex(
      `30${byteHex(17 + digest.length)}300d06096086480165030402${byteHex(last)}050004${byteHex(digest.length)}`,
    );
    const padding = "ff".repeat(size - info.length - digest.length - 3);
    const expected = `0001${padding}00${toHex(info)}${toHex(digest)}`;
    return found.toString(16).padStart(2 * size, "0") === expected;
  }
}

const byteHex = (value) => HEX_OF[value];

function raised(base, exponent, modulus) {
  let result = 1n;
  for (; exponent; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % modulus;
    base = (base * base) % modulus;
  }
  return result;
}

function readKey(element) {
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

class Certificate {
  constructor(fields) {
    Object.assign(this, fields);
  }

  holdsAt(moment) {
    return this.begin <= moment && moment <= this.end;
  }

  // RFC 3161, 2.3: for timestamps alone, and marked critical.
  onlyStamps() {
    const { purposes, purposesCritical, usage } = this;
    const only = purposes?.size === 1 && purposes.has(TIME_STAMPING) && purposesCritical;
    return only && (usage === null || usage.has(SIGNS) || usage.has(COMMITS));
  }

  // Whether it certifies `other` at that moment, with `below` certificates in between.
  async hasIssued(other, moment, below) {
    const { depth, usage, purposes } = this;
    if (depth === null || BigInt(below) > depth || !sameBytes(this.subject, other.issuer)) return false;
    if (usage !== null && !usage.has(CERTIFIES)) return false;
    if (purposes !== null && !purposes.has(TIME_STAMPING) && !purposes.has(ANY_PURPOSE)) return false;
    if (!this.holdsAt(moment)) return false;
    const [kind, hash] = signatureKind(other.algorithm);
    return this.key.fits(kind, hash, other.signature, other.signed);
  }
}

const signatureKind = (name) => (Object.hasOwn(SIGNATURES, name) ? SIGNATURES[name] : ["", ""]);

// The certificates of a PEM text, at least one, each readable; EvidenceError.
function readPem(text) {
  const found = [...text.matchAll(PEM)];
  if (!found.length) {
    throw new FormatError("no certificate: a PEM file with BEGIN CERTIFICATE is expected");
  }
  return found.map(([, encoded]) => {
    let data;
    try {
      data = fromBase64(encoded.replace(/[ \t\n\r\f\v]/g, ""));
    } catch {
      throw new FormatError("a certificate that is not base64");
    }
    return readCertificate(data);
  });
}

// EvidenceError unless it is of version 3, everything critical in it is understood, and its key is of
// RSA (2,048 to 8,192 bits), P-256, P-384 or Ed25519.
function readCertificate(data) {
  const outer = new Fields(readDer(data));
  const [signed, algorithm] = [outer.take(SEQUENCE), outer.take(SEQUENCE)];
  const signature = outer.take(BITS).bits();
  outer.end();
  const fields = new Fields(signed);
  const version = fields.take(CONTEXT_0).only(INTEGER).integer();
  const serial = fields.take(INTEGER).integer();
  if (version !== 2n || !sameBytes(fields.take(SEQUENCE).whole, algorithm.whole)) {
    throw new MalformedDer("not a certificate of version 3, or of two algorithms");
  }
  const [issuer, validity] = [fields.take(SEQUENCE), new Fields(fields.take(SEQUENCE))];
  const [begin, end] = [0, 1].map(() => validity.take(UTC_TIME, GENERALIZED_TIME).time());
  validity.end();
  const [subject, key] = [fields.take(SEQUENCE), readKey(fields.take(SEQUENCE))];
  fields.maybe(0x81); // ids of the issuer and the subject
  fields.maybe(0x82);
  const extended = fields.maybe(CONTEXT_3);
  fields.end();
  const extensions = extended ? readExtensions(extended.only(SEQUENCE), UNDERSTOOD) : new Map();
  const valueOf = (name, read) => (extensions.has(name) ? read(extensions.get(name).value) : null);
  return new Certificate({
    encoded: data,
    signed: signed.whole,
    algorithm: readAlgorithm(algorithm),
    signature,
    serial,
    issuer: issuer.whole,
    subject: subject.whole,
    begin,
    end,
    key,
    purposes: valueOf(PURPOSES, (value) => new Set(readDer(value).each(OBJECT).map((one) => one.name()))),
    purposesCritical: extensions.get(PURPOSES)?.critical,
    usage: valueOf(USAGE, readUsage),
    depth: valueOf(CONSTRAINTS, readDepth),
    name: commonName(subject) || toHex(sha256(data)),
  });
}

// Whether each is critical, and its value, by name.
function readExtensions(element, understood) {
  const found = new Map();
  for (const each of element.each(SEQUENCE)) {
    const fields = new Fields(each);
    const [name, critical] = [fields.take(OBJECT).name(), fields.maybe(BOOLEAN)];
    const value = fields.take(OCTETS).contents;
    fields.end();
    if (found.has(name) || (critical && !isTrue(critical))) {
      throw new MalformedDer("an extension that stands twice, or is malformed");
    }
    if (critical && !understood.includes(name)) {
      throw new MalformedDer(`extension ${name} is critical, and not understood here`);
    }
    found.set(name, { critical: critical !== null, value });
  }
  return found;
}

const isTrue = ({ contents }) => contents.length === 1 && contents[0] === 0xff;

function readUsage(value) {
  const bits = readDer(value, BITS).contents.subarray(1);
  const count = 8 * bits.length;
  return new Set(Array.from({ length: count }, (_, n) => n).filter((n) => bits[n >> 3] & (0x80 >> n % 8)));
}

function readDepth(value) {
  const fields = new Fields(readDer(value));
  const [certifies, depth] = [fields.maybe(BOOLEAN), fields.maybe(INTEGER)];
  fields.end();
  if (certifies === null || !isTrue(certifies)) return null;
  return depth === null ? ANY_DEPTH : depth.integer();
}

// The last one, in whatever sort of string, if people can read it; else empty.
function commonName(subject) {
  let said = "";
  for (const part of subject.each(SET)) {
    for (const attribute of part.each(SEQUENCE)) {
      const fields = new Fields(attribute);
      if (fields.take(OBJECT).name() === COMMON_NAME) {
        said = new TextDecoder("utf-8", { ignoreBOM: true }).decode(fields.any().contents);
      }
    }
  }
  return READABLE.test(said) ? said : "";
}
