// Passkeys: a WebAuthn assertion as an envelope's signature (docs/formats.md 8).

const [ES256, EDDSA] = ["WebAuthn-ES256", "WebAuthn-EdDSA"];
const CLIENT_DATA =
  /^\{"type":"([a-z.]{1,40})","challenge":"([A-Za-z0-9_-]{43})","origin":"([!#-[\]-~]{1,300})"(?:,"crossOrigin":false(?:,.{1,2000})?)?\}$/s;
const SITE = /^(https?):\/\/([a-z0-9.-]{1,253})(?::[1-9][0-9]{0,4})?$/;
const AUTHENTICATOR_FIXED = 37;

// P-256 (SEC 2): y^2 = x^3 - 3x + b over q, of order N.
const Q = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const CURVE_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const number = (bytes) => BigInt(`0x${toHex(bytes)}`);

// KeyRefused unless it is a sound key of that algorithm.
function checkPasskey(alg, bytes) {
  if (bytes.length !== (alg === ES256 ? 65 : 32)) {
    throw new KeyRefused("the key's length does not fit its algorithm", "key-form");
  }
  try {
    if (alg === ES256) checkPoint(bytes);
    else checkPublicKey(bytes);
  } catch (error) {
    throw new KeyRefused(`unsound public key: ${error.message}`, "key-unsound");
  }
}

function checkPoint(bytes) {
  const [x, y] = [number(bytes.subarray(1, 33)), number(bytes.subarray(33))];
  const isOn = (y * y - (x * x * x - 3n * x + CURVE_B)) % Q === 0n;
  if (bytes[0] !== 4 || x >= Q || y >= Q || !isOn) {
    throw new KeyRefused("not an uncompressed point of P-256");
  }
}

// Resolves to the assertion's counter if it is one over `payload` by this registered passkey, with the
// person verified (WebAuthn Level 2, 7.2); SignatureError if not.
async function verifyAssertion(key, signature, payload) {
  const assertion = readAssertion(signature);
  checkClient(assertion.clientData, payload, key.rp);
  checkAuthenticator(assertion.authenticatorData, key.rp);
  const signed = joined(assertion.authenticatorData, sha256(assertion.clientData));
  const isFitting = key.alg === ES256 ? verifyP256 : verifyPlainly;
  if (!(await isFitting(key.bytes, assertion.signature, signed))) {
    const id = toHex(sha256(key.bytes)).slice(0, 16);
    throw new SignatureError(`signature by passkey ${id} does not fit`);
  }
  return view(assertion.authenticatorData).getUint32(33);
}

function readAssertion(data) {
  try {
    const members = decodeObject(data);
    if (!hasExactly(members, ["authenticator_data", "client_data", "signature"])) {
      throw new FormatError("missing or unknown keys");
    }
    const { authenticator_data, client_data, signature } = members;
    const [authenticatorData, clientData, made] = [authenticator_data, client_data, signature].map(memberBytes);
    return { authenticatorData, clientData, signature: made };
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw new SignatureError(`not an assertion: ${error.message}`, "assertion-form");
  }
}

function memberBytes(value) {
  let bytes = new Uint8Array();
  try {
    if (typeof value === "string") bytes = fromBase64(value);
  } catch {
    bytes = new Uint8Array();
  }
  if (!bytes.length) throw new FormatError("a member that is not base64");
  return bytes;
}

function checkClient(data, payload, rp) {
  const match = CLIENT_DATA.exec(fromLatin1(data));
  if (match === null || match[1] !== "webauthn.get") {
    const message = "client data is not that of an assertion made here";
    throw new SignatureError(message, "assertion-client");
  }
  const challenge = toBase64(sha256(payload)).replaceAll("+", "-").replaceAll("/", "_");
  if (match[2] !== challenge.replaceAll("=", "")) {
    throw new SignatureError("the assertion is over another statement", "assertion-challenge");
  }
  if (!isOfSite(match[3], rp)) {
    throw new SignatureError("the assertion was made on another site", "assertion-origin");
  }
}

// https, the host or one below it; http on this very machine.
function isOfSite(origin, rp) {
  const match = SITE.exec(origin);
  if (match === null || (match[1] === "http" && match[2] !== "localhost")) return false;
  return match[2] === rp || match[2].endsWith(`.${rp}`);
}

function checkAuthenticator(data, rp) {
  const flags = data.length >= AUTHENTICATOR_FIXED ? data[32] : 0;
  const extended = Boolean(flags & 0x80) === data.length > AUTHENTICATOR_FIXED;
  const backup = flags & 0x08 || !(flags & 0x10);
  if (data.length < AUTHENTICATOR_FIXED || !extended || !backup || flags & 0x40) {
    throw new SignatureError("authenticator data out of form", "assertion-form");
  }
  if (!sameBytes(data.subarray(0, 32), sha256(utf8(rp)))) {
    throw new SignatureError("the assertion is for another site", "assertion-rp");
  }
  if (!(flags & 0x01) || !(flags & 0x04)) {
    throw new SignatureError("the authenticator did not verify the person", "assertion-uv");
  }
}

async function verifyP256(bytes, der, message) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const signature = readDer(der);
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["verify"]);
  return crypto.subtle.verify(algorithm, key, signature, message);
}

// r || s of an ECDSA signature in DER, in its one spelling.
function readDer(der) {
  const refused = new SignatureError("not an ECDSA signature in DER");
  if (der.length > 72 || der.length < 8 || der[0] !== 0x30 || der[1] !== der.length - 2) throw refused;
  const out = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1];
    const body = der.subarray(at + 2, at + 2 + length);
    const padded = length > 1 && body[0] === 0 && body[1] < 0x80;
    if (der[at] !== 0x02 || !length || body.length !== length || body[0] >= 0x80 || padded) throw refused;
    const value = number(body);
    if (value <= 0n || value >= N) throw refused;
    out.set(fromHex(value.toString(16).padStart(64, "0")), end - 32);
    at += 2 + length;
  }
  if (at !== der.length) throw refused;
  return out;
}
