// RFC 3161 timestamp tokens: what one says, and whether it says it (docs/formats.md 7).

const LARGEST_TOKEN = 65_536;
const [SIGNED_DATA, INFO] = ["1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"];
const [CONTENT_TYPE, DIGEST] = ["1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"];
// The attributes that name the certificate: RFC 2634, RFC 5035.
const IDENTIFIERS = {
  "1.2.840.113549.1.9.16.2.12": "SHA-1",
  "1.2.840.113549.1.9.16.2.47": "SHA-256",
};
const MOST_CERTIFICATES = 10;
const BETWEEN = 2; // certificates of the token between the signer's and a trusted one

class Token {
  constructor(fields) {
    Object.assign(this, fields);
  }

  get authority() {
    return this.certificate.name;
  }

  // Whether the signer's certificate is one of these, or one of them certifies it, perhaps through
  // certificates of the token; all of them valid at `time`.
  async leadsTo(trusted) {
    if (trusted.some(({ encoded }) => sameBytes(encoded, this.certificate.encoded))) return true;
    let [found, others] = [[this.certificate], this.others];
    for (let below = 0; below <= BETWEEN; below++) {
      if ((await this.issuers(found, trusted, below)).length) return true;
      found = await this.issuers(found, others, below);
      others = others.filter((one) => !found.includes(one));
    }
    return false;
  }

  async issuers(issued, among, below) {
    const found = [];
    for (const each of among) {
      for (const one of issued) {
        if (!(await each.hasIssued(one, this.time, below))) continue;
        found.push(each);
        break;
      }
    }
    return found;
  }
}

// The token, verified to be over `imprint`, the SHA-256 of what is stamped; by whom, is its own word.
async function verifyToken(data, imprint) {
  const token = readToken(data);
  if (!sameBytes(token.imprint, imprint)) {
    throw new SignatureError("the token is over something else", "timestamp-imprint");
  }
  if (!token.certificate.onlyStamps()) {
    const why = "the certificate is not for timestamps alone";
    throw new SignatureError(why, "timestamp-certificate");
  }
  if (!token.certificate.holdsAt(token.time)) {
    throw new SignatureError("the certificate was not valid then", "timestamp-certificate");
  }
  await checkIdentifier(token);
  await checkTokenSignature(token);
  return token;
}

// RFC 3161, 2.2, and RFC 5816: what was signed names the certificate by its hash.
async function checkIdentifier({ signer, certificate }) {
  let fits = signer.identifiers.length > 0;
  for (const [hash, named] of signer.identifiers) {
    fits &&= sameBytes(named, await digestOf(hash, certificate.encoded));
  }
  if (!fits) {
    throw new SignatureError("what was signed names another certificate", "timestamp-certificate");
  }
}

async function checkTokenSignature({ signer, certificate, info }) {
  const { kind, hash, signature, signed } = signer;
  const fits =
    sameBytes(signer.digest, await digestOf(hash, info)) &&
    (await certificate.key.fits(kind, hash, signature, signed));
  if (!fits) throw new SignatureError("the token's signature does not fit", "timestamp-signature");
}

// What a token says and who signed it, nothing of it verified yet.
function readToken(data) {
  try {
    if (data.length > LARGEST_TOKEN) {
      throw new MalformedDer(`${data.length} bytes; ${LARGEST_TOKEN} are allowed`);
    }
    return readSignedData(data);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    const code = error.code || "timestamp-form";
    throw new FormatError(`not a timestamp token: ${error.message}`, code);
  }
}

function readSignedData(data) {
  const outer = new Fields(readDer(data));
  expectName(outer, SIGNED_DATA);
  const fields = new Fields(outer.take(CONTEXT_0).only(SEQUENCE));
  outer.end();
  if (fields.take(INTEGER).integer() !== 3n) throw new MalformedDer("not signed data of version 3");
  const hashes = fields.take(SET).each(SEQUENCE).map(readHash);
  const content = new Fields(fields.take(SEQUENCE));
  expectName(content, INFO);
  const info = content.take(CONTEXT_0).only(OCTETS).contents;
  content.end();
  const certificates = fields.maybe(CONTEXT_0)?.parts() ?? [];
  fields.maybe(CONTEXT_1); // revocation lists
  const signer = readSigner(fields.take(SET).only(SEQUENCE));
  fields.end();
  if (!hashes.includes(signer.hash) || certificates.length > MOST_CERTIFICATES) {
    throw new MalformedDer("a hash that was not announced, or too many certificates");
  }
  const readable = certificates.map(certificateOrNull).filter((one) => one !== null);
  const certificate = readable.find(
    ({ issuer, serial }) => sameBytes(issuer, signer.issuer) && serial === signer.serial,
  );
  if (certificate === undefined) {
    const why = "the signer's certificate is not in it, or cannot be read";
    throw new FormatError(why, "timestamp-certificate");
  }
  const others = readable.filter((one) => one !== certificate);
  return new Token({ ...readInfo(info), info, signer, certificate, others });
}

function certificateOrNull(element) {
  try {
    return readCertificate(element.whole);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return null;
  }
}

// TSTInfo (RFC 3161, 2.4.2).
function readInfo(info) {
  const fields = new Fields(readDer(info));
  const version = fields.take(INTEGER).integer();
  fields.take(OBJECT).name(); // the authority's policy
  const stated = new Fields(fields.take(SEQUENCE));
  const hash = readHash(stated.take(SEQUENCE));
  const imprint = stated.take(OCTETS).contents;
  stated.end();
  if (version !== 1n || hash !== "SHA-256" || imprint.length !== 32) {
    throw new MalformedDer("not of version 1, or over something else than a SHA-256");
  }
  fields.take(INTEGER).integer(); // its serial number
  const time = fields.take(GENERALIZED_TIME).time();
  fields.maybe(SEQUENCE); // accuracy
  fields.maybe(BOOLEAN); // whether its times order its tokens
  const nonce = fields.maybe(INTEGER);
  fields.maybe(CONTEXT_0); // the authority's name, as it says itself
  const extended = fields.maybe(CONTEXT_1);
  fields.end();
  if (extended) readExtensions(extended, []);
  nonce?.integer();
  return { time, imprint };
}

function readSigner(element) {
  const fields = new Fields(element);
  if (fields.take(INTEGER).integer() !== 1n) {
    throw new MalformedDer("a signer that is not named by issuer and serial number");
  }
  const names = new Fields(fields.take(SEQUENCE));
  const [issuer, serial] = [names.take(SEQUENCE).whole, names.take(INTEGER).integer()];
  names.end();
  const hash = readHash(fields.take(SEQUENCE));
  const signed = fields.take(CONTEXT_0);
  const algorithm = readAlgorithm(fields.take(SEQUENCE));
  const signature = fields.take(OCTETS).contents;
  fields.maybe(CONTEXT_1); // attributes that nobody signed
  fields.end();
  const [kind, over] = algorithm === RSA ? [RSA, hash] : signatureKind(algorithm);
  if (over !== hash) {
    throw new MalformedDer("a signature by an algorithm that is not known, or over another hash");
  }
  const attributes = readAttributes(signed);
  expectName(new Fields(valueIn(attributes, CONTENT_TYPE)), INFO);
  const digest = valueIn(attributes, DIGEST).only(OCTETS).contents;
  const identifiers = Object.entries(IDENTIFIERS)
    .filter(([name]) => attributes.has(name))
    .map(([name, usual]) => readIdentifier(valueIn(attributes, name), usual));
  // A set is signed, and stands under another tag (RFC 5652, 5.4).
  const set = joined(Uint8Array.of(SET), signed.whole.subarray(1));
  return { issuer, serial, hash, kind, digest, identifiers, signed: set, signature };
}

// The set of values of each attribute, by its name.
function readAttributes(signed) {
  const found = new Map();
  for (const each of signed.each(SEQUENCE)) {
    const fields = new Fields(each);
    const [name, values] = [fields.take(OBJECT).name(), fields.take(SET)];
    fields.end();
    if (found.has(name)) throw new MalformedDer("an attribute that stands twice");
    found.set(name, values);
  }
  return found;
}

function valueIn(attributes, name) {
  if (!attributes.has(name)) throw new MalformedDer(`attribute ${name} is missing`);
  return attributes.get(name);
}

// Hash and its algorithm of the first ESSCertID, which is the signer's.
function readIdentifier(values, usual) {
  const first = new Fields(
    new Fields(new Fields(values.only(SEQUENCE)).take(SEQUENCE)).take(SEQUENCE),
  );
  const stated = usual === "SHA-1" ? null : first.maybe(SEQUENCE);
  return [stated === null ? usual : readHash(stated), first.take(OCTETS).contents];
}

function expectName(fields, name) {
  if (fields.take(OBJECT).name() !== name) throw new MalformedDer(`not of type ${name}`);
}
