// The bundle's container: a zip that has exactly one spelling (docs/formats.md 10). Nothing in it is
// compressed, so nothing can swell; no size that is read is believed before its limit is looked at.

const MANIFEST = "manifest.json";
const MAX_MANIFEST = 16 * 1024 * 1024;
const MAX_MEMBERS = 60_000;
const MAX_MEMBER = 2 ** 32 - 2;
const MAX_LINE = 256 * 1024;
const CHUNK = 1024 * 1024;
const LINES = 64 * 1024; // read at a time where the lines are what is wanted
const FULL = 0xffffffff;
const HELD = 512 * 1024 * 1024; // a file up to here is read once and held
const FORMAT = "liuhen-bundle/v1";
const [KEYS, LEAVES, OPENINGS, RECEIPTS] = [
  "keys.jsonl",
  "leaves.jsonl",
  "openings.jsonl",
  "receipts.jsonl",
];
const [CHECKPOINT, HEADS, INDEX, POLICY, PAGE] = [
  "checkpoint",
  "heads",
  "index.txt",
  "policy",
  "verify.html",
];
const TIMESTAMPS = "timestamps/";
const isPath = text(
  new RegExp(
    "^(?:checkpoint|heads|index\\.txt|policy|verify\\.html|(?:keys|leaves|openings|receipts)\\.jsonl" +
      "|content/[0-9a-f]{32}-(?:0|[1-9][0-9]{0,4})\\.json|attachments/[0-9a-f]{32}(?:\\.[a-z0-9]{1,8})?" +
      "|timestamps/(?:[1-9]|[1-5][0-9]|6[0-4])\\.(?:tsr|renewed))$",
  ),
);
const isMember = shaped({
  path: isPath,
  sha256: isHex64,
  size: (value) => atLeast(0)(value) && value <= MAX_MEMBER,
});

class Container {
  // BundleError where the manifest cannot be used, so that nothing else can be found.
  static async open(file, hold = HELD) {
    const box = new Container();
    box.file = file;
    box.held = file.size <= hold ? new Uint8Array(await file.arrayBuffer()) : null;
    const header = await box.readAt(0, 30 + MANIFEST.length);
    const marked = header.length === 30 + MANIFEST.length && view(header).getUint32(0) === 0x504b0304;
    if (!marked || !sameBytes(header.subarray(30), utf8(MANIFEST))) {
      throw new BundleError("container", "this is not a bundle");
    }
    const size = view(header).getUint32(18, true);
    const data = size <= MAX_MANIFEST ? await box.readAt(header.length, size) : new Uint8Array();
    if (data.length !== size) {
      throw new BundleError(`container: local header of ${MANIFEST}`, "changed, or the file is cut");
    }
    box.manifestBytes = data;
    box.manifest = readManifest(data);
    box.layOut();
    return box;
  }

  layOut() {
    this.members = new Map();
    let offset = 30 + MANIFEST.length + this.manifestBytes.length;
    for (const { path, sha256, size } of this.manifest.members) {
      this.members.set(path, { path, sha256, size, offset });
      offset += 30 + path.length + size;
    }
    this.end = offset;
  }

  // Read every byte once; each region that is not as it must be gives one fault.
  async check(breathe) {
    const manifest = { path: MANIFEST, size: this.manifestBytes.length, offset: 0 };
    manifest.crc = crc32(this.manifestBytes);
    const faults = await this.checkHeader(manifest);
    const all = [manifest];
    for (const member of this.members.values()) {
      const [size, crc, digest] = await this.measure(member.path, breathe);
      all.push({ ...member, crc });
      if (size !== member.size) faults.push(new BundleError(member.path, "cut short"));
      else if (digest !== member.sha256) {
        faults.push(new BundleError(member.path, "is not what the manifest lists"));
      } else faults.push(...(await this.checkHeader({ ...member, crc })));
    }
    if (!faults.some((fault) => this.members.has(fault.where))) {
      faults.push(...(await this.checkDirectory(all)));
    }
    return faults;
  }

  async measure(path, breathe) {
    const digest = new Sha256();
    let [size, crc] = [0, 0];
    for await (const chunk of this.chunks(path)) {
      digest.update(chunk);
      crc = crc32(chunk, crc);
      size += chunk.length;
      await breathe();
    }
    return [size, crc, toHex(digest.digest())];
  }

  async checkHeader(member) {
    const expected = localHeader(member);
    if (sameBytes(await this.readAt(member.offset, expected.length), expected)) return [];
    return [new BundleError(`container: local header of ${member.path}`, "changed")];
  }

  async checkDirectory(members) {
    const expected = directory(members);
    const found = await this.readAt(this.end, expected.length + 1);
    if (sameBytes(found, expected)) return [];
    const where = found.length <= expected.length ? "central directory" : "after the end";
    return [new BundleError(`container: ${where}`, "changed, cut short or added to")];
  }

  // A member's bytes in pieces; fewer than listed where the file ends.
  async *chunks(path, most = CHUNK) {
    const member = this.members.get(path);
    const begin = member.offset + 30 + path.length;
    for (let at = 0; at < member.size; ) {
      const data = await this.readAt(begin + at, Math.min(member.size - at, most));
      if (!data.length) return;
      yield data;
      at += data.length;
    }
  }

  async read(path, limit) {
    const member = this.members.get(path);
    if (member === undefined) throw new BundleError(path, "missing");
    if (member.size > limit) throw new BundleError(path, `longer than ${limit} bytes`);
    return this.readAt(member.offset + 30 + path.length, member.size);
  }

  // A member's lines without their newline, as many as a chunk holds at a time; what is wrong with the
  // member comes as the last item, in place of a line.
  async *lines(path) {
    let rest = new Uint8Array();
    for await (const chunk of this.chunks(path, LINES)) {
      const held = joined(rest, chunk);
      const lines = [];
      let begin = 0;
      for (let end; (end = held.indexOf(10, begin)) >= 0; begin = end + 1) {
        if (end - begin > MAX_LINE) return yield [...lines, tooLong(path)];
        lines.push(held.subarray(begin, end));
      }
      rest = held.subarray(begin);
      if (rest.length > MAX_LINE) return yield [...lines, tooLong(path)];
      yield lines;
    }
    if (rest.length) yield [new BundleError(path, "does not end with a newline")];
  }

  async readAt(offset, size) {
    if (this.held !== null) return this.held.subarray(offset, offset + size);
    return new Uint8Array(await this.file.slice(offset, offset + size).arrayBuffer());
  }
}

const tooLong = (path) => new BundleError(path, "has a line that is too long");
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function readManifest(data) {
  let manifest;
  try {
    manifest = decodeObject(data);
  } catch (error) {
    throw new BundleError(MANIFEST, error.message);
  }
  const { members } = manifest;
  if (!Array.isArray(members) || members.length > MAX_MEMBERS || !members.every(isMember)) {
    throw new BundleError(MANIFEST, "does not list members as the format says");
  }
  if (!isAscending(members.map((member) => member.path))) {
    throw new BundleError(MANIFEST, "lists members twice or out of order");
  }
  return manifest;
}

const isAscending = (texts) => texts.every((one, i) => i === 0 || texts[i - 1] < one);

// The manifest beside its list of members.
function readHead(box) {
  const fault = (message) => new BundleError(MANIFEST, message);
  const { manifest } = box;
  const names = ["about", "context", "format", "log_key", "members", "origin", "records"];
  if (!hasExactly(manifest, names)) throw fault("has missing or unknown keys");
  if (manifest.format !== FORMAT) throw fault(`format is not ${FORMAT}: get a newer verifier`);
  const { about, context, origin, log_key, records } = manifest;
  if (!isOrigin(origin)) throw fault("has an origin that is none");
  if (typeof log_key !== "string") throw fault("has a value of the wrong type");
  for (const listed of [records, context]) {
    if (!listOf(isHex32)(listed)) throw fault("lists a record id that is none");
    if (!isAscending(listed)) throw fault("lists records twice or out of order");
  }
  const known = new Set(records);
  if (!context.every((record) => known.has(record))) {
    throw fault("names context that is not among its records");
  }
  try {
    checkAbout(about);
  } catch (error) {
    caught(error, () => {
      throw fault(error.message);
    });
  }
  const always = [CHECKPOINT, HEADS, INDEX, KEYS, LEAVES, OPENINGS];
  const missing = always.filter((path) => !box.members.has(path));
  if (missing.length) throw fault(`does not list ${missing.sort().join(", ")}`);
  return { origin, logKey: log_key, about, records, context: new Set(context) };
}

// Fields of 2 and 4 bytes (and of 8, as BigInt), little-endian.
function packed(...fields) {
  const bytes = new Uint8Array(fields.reduce((length, [size]) => length + size, 0));
  let at = 0;
  for (const [size, value] of fields) {
    const to = view(bytes);
    if (size === 2) to.setUint16(at, value, true);
    else if (size === 4) to.setUint32(at, value, true);
    else to.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return bytes;
}

const shorts = (...values) => values.map((value) => [2, value]);
const longs = (...values) => values.map((value) => [4, value]);
const [FLAGS, METHOD, TIME, DATE] = [0x0800, 0, 0, 0x0021]; // stored, on zip's first day

function localHeader({ path, size, crc }) {
  const name = utf8(path);
  const head = packed(
    ...longs(0x04034b50),
    ...shorts(20, FLAGS, METHOD, TIME, DATE),
    ...longs(crc, size, size),
    ...shorts(name.length, 0),
  );
  return joined(head, name);
}

// Central directory and end records; zip64 fields exactly where an offset does not fit.
function directory(members) {
  const entries = members.map(centralHeader);
  const last = members.at(-1);
  const offset = last.offset + 30 + last.path.length + last.size;
  const size = entries.reduce((length, entry) => length + entry.length, 0);
  const count = members.length;
  if (offset >= FULL) {
    const record = [[8, 44], ...shorts(45, 45), ...longs(0, 0)];
    const totals = [count, count, size, offset].map((value) => [8, value]);
    entries.push(packed(...longs(0x06064b50), ...record, ...totals));
    entries.push(packed(...longs(0x07064b50, 0), [8, offset + size], ...longs(1)));
  }
  const counts = shorts(0, 0, count, count);
  const end = longs(size, Math.min(offset, FULL));
  entries.push(packed(...longs(0x06054b50), ...counts, ...end, ...shorts(0)));
  return joined(...entries);
}

function centralHeader({ path, size, crc, offset }) {
  const name = utf8(path);
  const extra = offset >= FULL ? packed(...shorts(1, 8), [8, offset]) : new Uint8Array();
  const need = extra.length ? 45 : 20;
  const head = packed(
    ...longs(0x02014b50),
    ...shorts(need, need, FLAGS, METHOD, TIME, DATE),
    ...longs(crc, size, size),
    ...shorts(name.length, extra.length, 0, 0, 0),
    ...longs(0, Math.min(offset, FULL)),
  );
  return joined(head, name, extra);
}

// ---- lines of the members

function readLeafLine(line) {
  const value = decodeObject(line);
  if (!hasExactly(value, ["index", "leaf", "proof"])) {
    throw new FormatError("keys are exactly index, leaf, proof");
  }
  const { index, leaf, proof } = value;
  if (!atLeast(0)(index) || typeof leaf !== "string") {
    throw new FormatError("index or leaf is out of bounds");
  }
  if (!Array.isArray(proof) || proof.length > 63) throw new FormatError("proof is out of bounds");
  if (!proof.every(isHex64)) throw new FormatError("a proof's hashes have 64 hex digits");
  return { index, data: utf8(leaf), proof: proof.map(fromHex) };
}

function readOpening(line) {
  const value = decodeObject(line);
  const { event, n, path, salt, size } = value;
  if (!isHex32(event) || !atLeast(0)(n)) throw new FormatError("event or n is out of bounds");
  if (hasExactly(value, ["event", "n", "withheld"]) && value.withheld === true) {
    return { event, n, path: null };
  }
  if (!hasExactly(value, ["event", "n", "path", "salt", "size"])) {
    throw new FormatError("keys are exactly event, n, path, salt, size; or event, n, withheld");
  }
  if (!isPath(path) || !/^(?:content|attachments)\//.test(path)) throw new FormatError("path is out of bounds");
  if (!isHex64(salt) || !atLeast(0)(size)) throw new FormatError("salt or size is out of bounds");
  return { event, n, path, salt: fromHex(salt), size };
}
