// Leaf, envelope, statement, receipt: one spelling each (docs/formats.md 1 to 5 and 8).

const STATEMENT_TYPE = "application/vnd.liuhen.statement.v1+json";
const RECEIPT_TYPE = "application/vnd.liuhen.receipt.v1+json";
const HEADS_TYPE = "application/vnd.liuhen.heads.v1+json";
const MAX_LEAF = 65_535;

// ---- time

function daysIn(year, month) {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function isDay(text) {
  const [year, month, day] = text.split("-").map(Number);
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

function checkTime(text) {
  const form = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{6}Z$/;
  if (typeof text !== "string" || !form.test(text)) {
    throw new FormatError("time must look like 2026-11-22T08:00:00.123456Z");
  }
  if (!isDay(text.slice(0, 10)) || text.slice(14, 16) > "59" || text.slice(17, 19) > "59") {
    throw new FormatError(`no such moment: ${text}`);
  }
  return text;
}

function checkDate(text) {
  if (typeof text !== "string" || !/^\d{4}-\d\d-\d\d$/.test(text)) {
    throw new FormatError("date must look like 2026-11-22");
  }
  if (!isDay(text)) throw new FormatError(`no such day: ${text}`);
  return text;
}

// Whether the civil day is over everywhere: it may be up to 14 hours ahead of UTC.
function isAfter(recordedAt, lastDay) {
  const moment = Date.parse(`${recordedAt.slice(0, 23)}Z`) + 14 * 3_600_000;
  const day = new Date(moment).toISOString();
  return day.startsWith("+") || day.slice(0, 10) > lastDay;
}

// POSIX seconds, a BigInt, as a time; beyond the year 9999, which is no date, as they are.
function secondsText(seconds) {
  if (seconds >= 253_402_300_800n) return `${seconds} s`;
  return new Date(Number(seconds) * 1000).toISOString().replace(/\.\d{3}Z$/, ".000000Z");
}

// ---- shapes: each check says whether a value is as it should be

const text = (expression) => (value) => typeof value === "string" && expression.test(value);
const orNull = (check) => (value) => value === null || check(value);
const atLeast = (least) => (value) => Number.isSafeInteger(value) && value >= least;
const listOf = (check, least = 0) => (value) =>
  Array.isArray(value) && value.length >= least && value.every(check);
const oneOf = (...values) => (value) => values.includes(value);
function shaped(shape) {
  const names = Object.keys(shape);
  return (value) => hasExactly(value, names) && names.every((name) => shape[name](value[name]));
}

const isHex32 = text(/^[0-9a-f]{32}$/);
const isHex64 = text(/^[0-9a-f]{64}$/);
const isWord = text(/^[a-z0-9][a-z0-9._-]{0,63}$/);
const isOrigin = text(/^[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}$/);
const isDate = (value) => Boolean(checkDate(value));

const isPublicKey = (...lengths) => (value) => {
  try {
    return typeof value === "string" && lengths.includes(fromBase64(value).length);
  } catch {
    return false;
  }
};

const RULE = shaped({
  id: text(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  version: atLeast(1),
  hash: isHex64,
});
const NO_FACTS = {};

// Every event type there is, and what stays readable of it after its content is gone.
const FACTS = {
  opened: NO_FACTS,
  "step-taken": NO_FACTS,
  corrected: NO_FACTS,
  signed: NO_FACTS,
  refused: NO_FACTS,
  acknowledged: NO_FACTS,
  distributed: NO_FACTS,
  delegated: NO_FACTS,
  "delegation-ended": NO_FACTS,
  paused: NO_FACTS,
  resumed: NO_FACTS,
  linked: NO_FACTS,
  unlinked: NO_FACTS,
  attached: NO_FACTS,
  noted: NO_FACTS,
  reopened: NO_FACTS,
  imported: NO_FACTS,
  filed: {
    base_date: isDate,
    zone: text(/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/),
    tzdata: text(/^[0-9]{4}[a-z]{1,2}$/),
    scope: orNull(isWord),
    marks: listOf(isWord),
    copies: listOf(shaped({ n: atLeast(1), medium: isWord, base_date: isDate })),
  },
  disposed: { list: isHex64, rule: RULE, last_day: isDate, approvals: listOf(isHex64) },
  "disposal-listed": { list: isHex64 },
  "disposal-approved": { list: isHex64 },
  "hold-placed": { hold: isHex32 },
  "hold-released": { hold: isHex32 },
  "rule-set": { rule: RULE },
  "key-registered": {
    alg: oneOf("Ed25519"),
    key: isHex64,
    owner: orNull(isHex32),
    public: isPublicKey(32),
    use: oneOf("log", "intake", "own"),
  },
  "key-revoked": { key: isHex64, reason: isWord },
  "signoff-key-registered": {
    alg: oneOf("Ed25519", "WebAuthn-ES256", "WebAuthn-EdDSA"),
    approved: shaped({ by: orNull(isHex64), how: oneOf("session", "key", "code") }),
    key: isHex64,
    owner: isHex32,
    public: isPublicKey(32, 65),
    rp: orNull(text(/^[a-z0-9][a-z0-9.-]{0,252}$/)),
  },
};

const ALGORITHMS = { content: "A256GCM-HKDF", attachment: "A256GCM-HKDF-SEG" };

const STATEMENT = {
  v: oneOf(1),
  origin: isOrigin,
  event: isHex32,
  record: isHex32,
  version: atLeast(1),
  prev: orNull(isHex64),
  type: (value) => typeof value === "string" && Object.hasOwn(FACTS, value),
  kind: isWord,
  kind_version: atLeast(1),
  step: orNull(isWord),
  actor: orNull(isHex32),
  behalf: orNull(isHex32),
  key: isHex64,
  assurance: oneOf("session", "api-key", "own-key", "passkey", "personal-key", "system"),
  occurred_at: (value) => Boolean(checkTime(value)),
  seen: orNull(shaped({ size: atLeast(1), root: isHex64 })),
  parts: listOf(
    shaped({
      role: (value) => typeof value === "string" && Object.hasOwn(ALGORITHMS, value),
      n: atLeast(0),
      alg: (value) => typeof value === "string",
      key: isHex32,
      commitment: isHex64,
      ciphertext: isHex64,
      length: atLeast(1),
    }),
  ),
  signoff: orNull(shaped({ meaning: isWord, covers: listOf(isHex64, 1) })),
  refs: listOf(shaped({ rel: isWord, record: isHex32, event: orNull(isHex64) })),
  facts: isObject,
};

function readStatement(payload) {
  const said = decodeObject(payload);
  const names = Object.keys(STATEMENT);
  if (!hasExactly(said, names)) {
    const odd = [
      ...Object.keys(said).filter((name) => !names.includes(name)),
      ...names.filter((name) => !Object.hasOwn(said, name)),
    ].sort();
    throw new FormatError(
      `statement with missing or unknown keys: ${odd.join(", ").slice(0, 200)}`,
    );
  }
  for (const name of names) {
    if (!STATEMENT[name](said[name])) {
      throw new FormatError(`statement field ${name} is out of bounds`);
    }
  }
  if ((said.version === 1) !== (said.prev === null)) {
    throw new FormatError("statement field prev is null on version 1 and only there");
  }
  said.parts.forEach((part, position) => {
    if (part.n !== position) {
      throw new FormatError("parts are numbered 0, 1, 2, ... in their order");
    }
    if (part.alg !== ALGORITHMS[part.role]) {
      throw new FormatError(`part ${position}: algorithm does not fit its role`);
    }
  });
  checkFacts(said.type, said.facts);
  return said;
}

function checkFacts(type, facts) {
  const shape = FACTS[type];
  if (!hasExactly(facts, Object.keys(shape))) {
    const wanted = Object.keys(shape).sort().join(", ") || "none";
    throw new FormatError(`facts of ${type} are exactly: ${wanted}`);
  }
  for (const name of Object.keys(shape)) {
    if (!shape[name](facts[name])) {
      throw new FormatError(`fact ${name} of ${type} is out of bounds`);
    }
  }
}

// ---- envelope (DSSE v1, exactly one signature) and leaf

const ENVELOPE_HEAD = '{"payload":"';
const ENVELOPE_MIDDLE = '","payloadType":"';
const ENVELOPE_TAIL =
  /^([a-z0-9.+/-]{1,128})","signatures":\[\{"keyid":"([0-9a-f]{64})","sig":"([A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{87,5462}={0,2})"\}\]\}$/;

function readEnvelope(raw, type) {
  const middle = raw.indexOf(ENVELOPE_MIDDLE);
  const match = middle < 0 ? null : ENVELOPE_TAIL.exec(raw.slice(middle + ENVELOPE_MIDDLE.length));
  if (match === null || !raw.startsWith(ENVELOPE_HEAD)) {
    throw new FormatError("not a canonical DSSE envelope with exactly one signature");
  }
  if (match[1] !== type) {
    throw new FormatError(`envelope of type ${match[1]}, ${type} expected`);
  }
  const payload = fromBase64(raw.slice(ENVELOPE_HEAD.length, middle));
  const signature = fromBase64(match[3]);
  const isAssertion = type === STATEMENT_TYPE && signature.length > 64 && signature.length <= 4096;
  if (signature.length !== 64 && !isAssertion) {
    throw new FormatError("a signature of a length that none has");
  }
  return { payload, type, keyid: match[2], signature, raw };
}

const envelopeHash = (envelope) => toHex(sha256(utf8(envelope.raw)));

function preAuthentication({ type, payload }) {
  return joined(utf8(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload);
}

const LEAF_HEAD = '{"envelope":"';
const LEAF_MIDDLE = '","number":';
const LEAF_TAIL =
  /^(?:null|"([A-Z0-9][A-Za-z0-9._/-]{0,63})"),"recorded_at":"([0-9T:.Z-]{27})","v":1\}$/;

function readLeaf(data) {
  if (data.length > MAX_LEAF) {
    throw new FormatError(`leaf of ${data.length} bytes: at most ${MAX_LEAF}`);
  }
  const whole = fromUtf8(data);
  const middle = whole.indexOf(LEAF_MIDDLE);
  const match = middle < 0 ? null : LEAF_TAIL.exec(whole.slice(middle + LEAF_MIDDLE.length));
  if (match === null || !whole.startsWith(LEAF_HEAD) || !isAscii(whole)) {
    throw new FormatError("not a canonical leaf");
  }
  const escaped = whole.slice(LEAF_HEAD.length, middle);
  // Nothing but quotes is escaped, and every one.
  const envelope = escaped.replaceAll('\\"', '"');
  const quotes = escaped.length - envelope.length;
  const count = (character) => escaped.split(character).length - 1;
  if (!envelope || count('"') !== quotes || count("\\") !== quotes) {
    throw new FormatError("leaf with an envelope that is not escaped canonically");
  }
  if (!/^[ -~]*$/.test(envelope)) throw new FormatError("leaf with a control character");
  return { envelope, number: match[1] ?? null, recorded_at: checkTime(match[2]) };
}

// ---- receipt

const RECEIPT =
  /^\{"event":"([0-9a-f]{32})","index":(0|[1-9][0-9]{0,15}),"leaf_hash":"([0-9a-f]{64})","number":(?:null|"([A-Z0-9][A-Za-z0-9._/-]{0,63})"),"origin":"([A-Za-z0-9][A-Za-z0-9._/:-]{0,127})","record":"([0-9a-f]{32})","recorded_at":"([0-9T:.Z-]{27})","v":1,"version":([1-9][0-9]{0,15})\}$/;

function readReceipt(line) {
  const envelope = readEnvelope(fromLatin1(line), RECEIPT_TYPE);
  return { envelope, said: readReceiptPayload(envelope.payload) };
}

function readReceiptPayload(payload) {
  const match = RECEIPT.exec(fromLatin1(payload));
  if (match === null) throw new FormatError("not a canonical receipt");
  const [, event, index, leaf_hash, number, origin, record, recorded_at, version] = match;
  if (!Number.isSafeInteger(Number(index)) || !Number.isSafeInteger(Number(version))) {
    throw new FormatError("receipt with a number beyond 2**53 - 1");
  }
  checkTime(recorded_at);
  const said = { event, index: Number(index), leaf_hash, number: number ?? null };
  return { ...said, origin, record, recorded_at, version: Number(version) };
}

function receiptOf(seen) {
  const { statement, leaf } = seen;
  return {
    event: statement.event,
    index: seen.index,
    leaf_hash: toHex(leafHash(seen.data)),
    number: leaf.number,
    origin: statement.origin,
    record: statement.record,
    recorded_at: leaf.recorded_at,
    version: statement.version,
  };
}
