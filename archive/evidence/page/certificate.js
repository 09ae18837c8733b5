// X.509 certificates (RFC 5280) as far as timestamp authorities need them, on hostile bytes.

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
  const [subject, key] = [fields.take(SEQUENCE), readPublicKey(fields.take(SEQUENCE))];
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
