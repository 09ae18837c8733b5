// C2SP signed note, verifier keys and tlog-checkpoint.

const TYPE_ED25519 = 1;
const TYPE_COSIGNATURE = 4;
const MAX_NOTE = 1_000_000;
const MAX_SIGNATURES = 100;
const VKEY = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/;
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)$/;
const NAMELESS = /[+\0- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

function checkName(name) {
  if (!name || NAMELESS.test(name)) {
    throw new FormatError("a key name has no spaces, no plus and no control characters");
  }
}

function keyHash(name, type, bytes) {
  return toHex(sha256(utf8(`${name}\n`), new Uint8Array([type]), bytes).subarray(0, 4));
}

function readVkey(text) {
  const match = VKEY.exec(text);
  if (match === null || !text.isWellFormed()) {
    throw new KeyRefused("a verifier key looks like name+1a2b3c4d+base64");
  }
  const [, name, hash, encoded] = match;
  let data;
  try {
    data = fromBase64(encoded);
    checkName(name);
  } catch (error) {
    throw new KeyRefused(error.message);
  }
  const type = data[0];
  if (data.length !== 33 || (type !== TYPE_ED25519 && type !== TYPE_COSIGNATURE)) {
    throw new KeyRefused("only Ed25519 verifier keys (types 1 and 4) are known here");
  }
  if (keyHash(name, type, data.subarray(1)) !== hash) {
    throw new KeyRefused("verifier key whose id does not fit its name and key");
  }
  return { name, hash, type, bytes: data.slice(1), text };
}

function readNote(bytes) {
  if (bytes.length > MAX_NOTE) throw new FormatError("note is too long");
  let text;
  try {
    text = STRICT_UTF8.decode(bytes);
  } catch {
    throw new FormatError("note is not UTF-8");
  }
  if (!text.endsWith("\n")) throw new FormatError("note does not end with a newline");
  if (/[\0-\x09\x0b-\x1f]/.test(text)) throw new FormatError("note with a control character");
  const split = text.lastIndexOf("\n\n");
  if (split < 0) throw new FormatError("note without signatures");
  const lines = text.slice(split + 2).split("\n");
  if (lines.pop() !== "" || lines.length < 1 || lines.length > MAX_SIGNATURES) {
    throw new FormatError("note without signature lines, or with too many");
  }
  return { text: text.slice(0, split + 1), signatures: lines.map(readSignatureLine) };
}

function readSignatureLine(line) {
  const match = SIGNATURE_LINE.exec(line);
  if (match === null) throw new FormatError("malformed signature line");
  checkName(match[1]);
  const data = fromBase64(match[2]);
  if (data.length < 5) throw new FormatError("signature line too short");
  return { name: match[1], hash: toHex(data.subarray(0, 4)), signature: data.slice(4) };
}

// Each signature by this key must fit, and there is one; resolves to a cosignature's POSIX time.
async function verifyNote(note, key) {
  const found = note.signatures.filter((one) => one.name === key.name && one.hash === key.hash);
  if (!found.length) throw new SignatureError(`note is not signed by ${key.name}+${key.hash}`);
  const times = [];
  for (const { signature } of found) times.push(await verifyNoteSignature(note.text, signature, key));
  return times[0];
}

async function verifyNoteSignature(text, signature, key) {
  let [message, time] = [text, null];
  if (key.type === TYPE_COSIGNATURE) {
    if (signature.length !== 72) throw new SignatureError("a cosignature has 72 bytes");
    time = BigInt(`0x${toHex(signature.subarray(0, 8))}`);
    if (time > 2n ** 63n - 1n) throw new SignatureError("a cosignature whose time is out of bounds");
    message = `cosignature/v1\ntime ${time}\n${text}`;
    signature = signature.subarray(8);
  }
  if (!(await verifyPlainly(key.bytes, signature, utf8(message)))) {
    const id = toHex(sha256(key.bytes)).slice(0, 16);
    throw new SignatureError(`signature by key ${id} does not fit`);
  }
  return time;
}

// The note with the lines of this key alone.
function signedBy(note, { name, hash }) {
  const own = note.signatures.filter((one) => one.name === name && one.hash === hash);
  const lines = own.map(({ signature }) => `\u2014 ${name} ${toBase64(joined(fromHex(hash), signature))}\n`);
  return `${note.text}\n${lines.join("")}`;
}

const CHECKPOINT_BODY = /^([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n$/;

function readCheckpoint(bytes) {
  const note = readNote(bytes);
  const match = CHECKPOINT_BODY.exec(note.text);
  if (match === null) {
    throw new FormatError("not a checkpoint: origin, decimal size, base64 of 32 bytes, no more");
  }
  const size = BigInt(match[2]);
  let root = null;
  try {
    root = fromBase64(match[3]);
  } catch {
    root = null;
  }
  if (root === null || size > 2n ** 63n - 1n) {
    throw new FormatError("checkpoint with a size or root that is out of bounds");
  }
  if (!size && !sameBytes(root, EMPTY_ROOT)) {
    throw new FormatError("checkpoint of an empty tree with another root");
  }
  return { note, origin: match[1], size, root };
}
