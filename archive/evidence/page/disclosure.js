// Steps 10 to 12: the content that a bundle opens, withholds, or lacks.

const MAX_CONTENT = 16 * 1024 * 1024; // padded bytes
const SEGMENT = 1024 * 1024;

class Disclosure {
  constructor(report, box, breathe) {
    this.report = report;
    this.box = box;
    this.breathe = breathe;
    this.openings = new Map();
    this.last = -1; // where the opening line taken last stands
    this.named = new Set(); // paths that an opening names
    this.parts = [];
  }

  // All opening lines, before the leaves.
  async read() {
    let number = 0;
    for await (const lines of this.box.lines(OPENINGS)) {
      for (const line of lines) this.line(line, (number += 1));
      await this.breathe();
    }
  }

  line(line, number) {
    let opened;
    try {
      if (line instanceof BundleError) throw line;
      opened = readOpening(line);
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      const told = error === line ? line : new BundleError(`${OPENINGS} line ${number}`, error.message);
      this.report.fail(2, "form", told.where, told.message);
      return;
    }
    const key = `${opened.event}, part ${opened.n}`;
    if (this.openings.has(key)) {
      this.report.fail(10, "opening-twice", `${OPENINGS}: event ${key}`);
      return;
    }
    this.openings.set(key, { ...opened, number });
    if (opened.path !== null) this.named.add(opened.path);
  }

  // The parts of one event; content first, as it says how large the attachments are.
  async take(seen, event) {
    const sizes = new Map();
    const { parts } = seen.statement;
    const isContent = (part) => part.role === "content";
    for (const part of [...parts.filter(isContent), ...parts.filter((one) => !isContent(one))]) {
      const opened = this.openings.get(`${seen.statement.event}, part ${part.n}`);
      let way = MISSING;
      if (opened !== undefined) way = await this.open(seen, part, opened, sizes, event);
      this.parts.push({ event, n: part.n, way });
    }
    this.taken(seen);
  }

  // Take the lines away, so that what is left names nothing; ask for their order.
  taken(seen) {
    for (const part of seen.statement.parts) {
      const key = `${seen.statement.event}, part ${part.n}`;
      const opened = this.openings.get(key);
      if (opened === undefined) continue;
      this.openings.delete(key);
      if (opened.number < this.last) {
        this.report.fail(10, "opening-order", `${OPENINGS}: event ${key}`);
      }
      this.last = Math.max(this.last, opened.number);
    }
  }

  async open(seen, part, opened, sizes, event) {
    if (opened.path === null) return WITHHELD;
    const step = part.role === "content" ? 10 : 11;
    try {
      if (step === 10) describe(await this.openContent(part, opened), sizes);
      else await this.openAttachment(part, opened, sizes.get(part.n) ?? new Set());
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      const where = `${seen.where}, part ${part.n}, ${opened.path}`;
      this.report.fail(step, error.code || "opening", where, error.message);
      this.report.worsen(event, MISMATCH);
      return OPENED;
    }
    this.report.count(step);
    event.opened.push({ n: part.n, role: part.role, path: opened.path });
    return OPENED;
  }

  // 10. Plaintext and salt give the commitment that was signed.
  async openContent(part, opened) {
    if (opened.path !== `content/${opened.event}-${part.n}.json`) {
      throw new ContentError("opened from another part's file", "opening-path");
    }
    this.present(opened.path);
    const plaintext = await this.box.read(opened.path, MAX_CONTENT);
    sameSize(opened, plaintext.length);
    const length = bucket(plaintext.length + 4);
    if (length > MAX_CONTENT) {
      throw new ContentError(`content of ${plaintext.length} bytes: make it an attachment`);
    }
    const zeros = new Uint8Array(length - 4 - plaintext.length);
    const prefix = bigEndian(4, plaintext.length);
    const domain = utf8("liuhen/v1/commitment\n");
    const found = toHex(sha256(domain, opened.salt, prefix, plaintext, zeros));
    if (length !== part.length || found !== part.commitment) {
      throw new ContentError("plaintext and salt do not match the commitment");
    }
    return decodeCanonical(plaintext);
  }

  // 11. The file gives the commitment, and has the size that the content says.
  async openAttachment(part, opened, said) {
    if (opened.path.split(".")[0] !== `attachments/${part.key}`) {
      throw new ContentError("opened from another attachment's file", "opening-path");
    }
    this.present(opened.path);
    const [size, length, commitment] = await this.commitment(opened);
    if (length !== part.length || commitment !== part.commitment) {
      throw new ContentError("attachment does not match its commitment");
    }
    sameSize(opened, size);
    const others = [...said].filter((one) => one !== size);
    if (others.length) {
      throw new ContentError(`${others.reduce((a, b) => Math.max(a, b))}, ${size}`, "attachment-size");
    }
  }

  // (true size, padded length, commitment) of a file, at flat memory.
  async commitment({ path, salt }) {
    const hashes = [];
    let [size, last] = [0, 0];
    let hash = new Sha256().update(salt).update(bigEndian(4, 0));
    for await (const chunk of this.box.chunks(path, SEGMENT)) {
      for (let at = 0; at < chunk.length; ) {
        if (last === SEGMENT) {
          hashes.push(hash.digest());
          hash = new Sha256().update(salt).update(bigEndian(4, hashes.length));
          last = 0;
        }
        const piece = chunk.subarray(at, at + SEGMENT - last);
        hash.update(piece);
        last += piece.length;
        at += piece.length;
      }
      size += chunk.length;
      await this.breathe();
    }
    const padded = powerOfTwo(last);
    hashes.push(hash.update(new Uint8Array(padded - last)).digest());
    const domain = utf8("liuhen/v1/attachment-commitment\n");
    const counts = joined(bigEndian(8, size), bigEndian(4, hashes.length));
    const length = (hashes.length - 1) * SEGMENT + padded;
    return [size, length, toHex(sha256(domain, salt, counts, ...hashes))];
  }

  present(path) {
    if (!this.box.members.has(path)) {
      throw new ContentError("the file is not in the bundle", "opening-file");
    }
  }

  // 12. Content that is not here: disposed, withheld, or missing. After all leaves.
  settle(records) {
    for (const { event, n, way } of this.parts) {
      const { disposal } = records.get(event.record);
      const disposed = disposal !== null && disposal > event.index;
      const where = `${placeOf(event)}, part ${n}`;
      if (way === OPENED) {
        if (disposed) this.report.fail(12, "undisposed", where, disposal);
      } else if (disposed) {
        this.report.worsen(event, DISPOSED);
        event.by = disposal;
      } else {
        this.report.worsen(event, way);
        if (way === MISSING) this.report.fail(12, "missing", where);
      }
    }
    for (const key of this.openings.keys()) {
      this.report.fail(10, "opening-unknown", `${OPENINGS}: event ${key}`);
    }
    for (const path of this.box.members.keys()) {
      const isFile = path.startsWith("content/") || path.startsWith("attachments/");
      if (isFile && !this.named.has(path)) this.report.fail(10, "file-unnamed", path);
    }
  }
}

function sameSize(opened, size) {
  if (opened.size !== size) throw new ContentError(`${opened.size}, ${size}`, "opening-size");
}

function bigEndian(length, number) {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, BigInt(number));
  return new Uint8Array(bytes.buffer).subarray(8 - length);
}

function powerOfTwo(length) {
  let size = 256;
  while (size < length) size *= 2;
  return size;
}

// Padded length of content, its 4 byte prefix included.
function bucket(length) {
  return length <= 65_536 ? powerOfTwo(length) : Math.ceil(length / 65_536) * 65_536;
}

// The sizes of attachments that opened content says; a member of another shape says nothing.
function describe(value, sizes) {
  const listed = isObject(value) && Object.hasOwn(value, "attachments") ? value.attachments : null;
  for (const item of Array.isArray(listed) ? listed : []) {
    if (!isDescription(item)) continue;
    if (!sizes.has(item.n)) sizes.set(item.n, new Set());
    sizes.get(item.n).add(item.size);
  }
}

const isDescription = shaped({
  media_type: (value) => typeof value === "string",
  n: atLeast(0),
  name: (value) => typeof value === "string",
  size: atLeast(0),
});
