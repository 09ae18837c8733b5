// Canonical JSON: RFC 8785 with ASCII keys, integers below 2^53 and at most 64 levels.

const MAX_DEPTH = 64;

// Comparing with the re-encoding finds duplicate keys, order, spaces, escapes and -0 at once.
function decodeCanonical(bytes) {
  let text, value;
  try {
    text = STRICT_UTF8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw new FormatError("not JSON");
  }
  if (encodeCanonical(value, 0) !== text) {
    throw new FormatError("not canonical JSON: send the bytes that RFC 8785 gives");
  }
  return value;
}

function decodeObject(bytes) {
  const value = decodeCanonical(bytes);
  if (!isObject(value)) throw new FormatError("canonical JSON object expected");
  return value;
}

function encodeCanonical(value, depth = 0) {
  if (typeof value === "string") return encodeString(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new FormatError("not an integer below 2**53");
    return String(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  if (depth >= MAX_DEPTH) throw new FormatError(`nested deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) {
    return `[${value.map((item) => encodeCanonical(item, depth + 1)).join(",")}]`;
  }
  const members = Object.keys(value)
    .sort()
    .map((key) => {
      if (!isAscii(key)) throw new FormatError("keys are ASCII strings");
      return `${encodeString(key)}:${encodeCanonical(value[key], depth + 1)}`;
    });
  return `{${members.join(",")}}`;
}

function encodeString(text) {
  if (!text.isWellFormed()) throw new FormatError("a lone surrogate is no text");
  return JSON.stringify(text);
}

const isAscii = (text) => /^[\0-\x7f]*$/.test(text);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function hasExactly(value, names) {
  return isObject(value) && Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name));
}
