// Passkeys: a WebAuthn assertion as an envelope's signature (docs/formats.md 8).

const [ES256, EDDSA] = ["WebAuthn-ES256", "WebAuthn-EdDSA"];
const CLIENT_DATA =
  /^\{"type":"([a-z.]{1,40})","challenge":"([A-Za-z0-9_-]{43})","origin":"([!#-[\]-~]{1,300})"(?:,"crossOrigin":false(?:,.{1,2000})?)?\}$/s;
const SITE = /^(https?):\/\/([a-z0-9.-]{1,253})(?::[1-9][0-9]{0,4})?$/;
const AUTHENTICATOR_FIXED = 37;

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
  if (!isPoint(P256, bytes)) throw new KeyRefused("not an uncompressed point of P-256");
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

function verifyP256(bytes, der, message) {
  let signature;
  try {
    signature = readEcdsa(P256, der);
  } catch {
    throw new SignatureError("not an ECDSA signature in DER");
  }
  return verifyEcdsa(P256, bytes, signature, message);
}
