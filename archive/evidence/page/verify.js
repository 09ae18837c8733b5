// Check a bundle. Numbers in the comments are the steps of the report.

const MAX_CHECKPOINT = 1024 * 1024;
const MAX_PAGE = 2 * 1024 * 1024;
const SLICE = 30; // milliseconds of work between two breaths

// Gives the page its turn now and then; `onProgress` hears what is being done.
function breather(onProgress = () => {}) {
  let last = performance.now();
  return async function breathe(done = null) {
    if (performance.now() - last < SLICE) return;
    if (done !== null) onProgress(done);
    await new Promise((resume) => setTimeout(resume));
    last = performance.now();
  };
}

// Run every check on a File or Blob; BundleError where it is no usable bundle at all. `policy`,
// `authorities` (certificates): whom the reader trusts. `plain`: without the browser's own Ed25519.
// `hold`: bytes up to which a file is read once and held.
async function verify(file, policy = null, options = {}) {
  const { authorities = [], onProgress, plain = false, hold = HELD } = options;
  const breathe = breather(onProgress);
  const box = await Container.open(file, hold);
  const run = new Run(box, readHead(box), policy, breathe);
  run.ring = await KeyRing.open(plain);
  return run.run(authorities);
}

class Run {
  constructor(box, head, policy, breathe) {
    Object.assign(this, { box, head, policy, breathe });
    this.report = new Report(head.origin, head.about);
    this.register = new KeyRegister(head.origin);
    this.history = new History(this.report, head.origin, head.records);
    this.disclosure = new Disclosure(this.report, box, breathe);
    this.checkpoint = null;
    this.counters = new Map(); // of passkeys, by key id
  }

  async run(authorities) {
    const { report } = this;
    await this.offerKeys();
    this.receipts = new Receipts(this);
    this.receipt = await this.receipts.next();
    // 1. Every byte of the container.
    for (const fault of await this.box.check(this.breathe)) {
      report.fail(1, "container", fault.where, fault.message);
    }
    report.counts.set(1, this.box.members.size + 1);
    this.page();
    await this.readCheckpoint();
    await this.proposal();
    await this.disclosure.read();
    for await (const [proven, inRegister] of this.leaves()) {
      await this.leaf(proven, inRegister);
      await this.breathe(report.events.length);
    }
    await this.afterLeaves();
    await checkTimestamps(this, authorities);
    report.box = this.box;
    report.context = this.head.context;
    return report;
  }

  // Signatures are verified ahead, many at a time; which key may sign, `register` says in its turn.
  async offerKeys() {
    for await (const lines of this.box.lines(KEYS)) {
      for (const line of lines) {
        const proven = line instanceof BundleError ? null : parsed(line);
        const key = proven?.seen?.statement.facts.public;
        if (key !== undefined) await this.ring.offer(fromBase64(key));
        await this.breathe();
      }
    }
  }

  // 1, continued. The verifier that came with the bundle is the word of who made the bundle.
  page() {
    const page = this.box.members.get(PAGE);
    if (page === undefined) return;
    this.report.add(1, NOT_CHECKED, "page-inside", PAGE, page.sha256);
    if (page.size > MAX_PAGE) {
      this.report.fail(1, "container", PAGE, `longer than ${MAX_PAGE} bytes`);
    }
  }

  // 3. The checkpoint: its form, its origin, its signature.
  async readCheckpoint() {
    const { report } = this;
    let head, named;
    try {
      head = readCheckpoint(await this.box.read(CHECKPOINT, MAX_CHECKPOINT));
      named = readVkey(this.head.logKey);
    } catch (error) {
      return caught(error, () => report.fail(3, "checkpoint", CHECKPOINT, error.message));
    }
    report.count(3);
    this.checkpoint = head;
    report.checkpoint = { size: head.size, root: toHex(head.root) };
    if (head.origin !== this.head.origin) report.fail(3, "origin", CHECKPOINT, head.origin);
    await this.logKey(head.note, named);
  }

  async logKey(note, named) {
    const { report, policy } = this;
    report.logKey = named.text;
    report.keyTrusted = policy !== null;
    try {
      if (named.name !== this.head.origin || named.type !== TYPE_ED25519) {
        throw new SignatureError(named.text, "log-key-name");
      }
      await verifyNote(note, named);
    } catch (error) {
      const code = error.code || "checkpoint-signature";
      caught(error, () => report.fail(3, code, CHECKPOINT, error.message));
    }
    if (policy === null) {
      report.add(3, NOT_CHECKED, "key-from-bundle", named.text);
      return;
    }
    if (!policy.wantsWitnesses) report.add(3, NOT_CHECKED, "unwitnessed", CHECKPOINT);
    try {
      const times = await policy.check(note, this.head.origin);
      report.cosigned = Array.from(times, ([name, time]) => [name, secondsText(time)]);
    } catch (error) {
      const code = error.code || "policy";
      caught(error, () => report.fail(3, code, CHECKPOINT, error.message));
    }
  }

  // 3, continued. Whom the archive proposes to trust, which decides nothing.
  async proposal() {
    const { report, box, policy } = this;
    if (!box.members.has(POLICY)) return;
    let proposed;
    try {
      proposed = Policy.read(await box.read(POLICY, MAX_POLICY));
    } catch (error) {
      return caught(error, () => report.fail(2, "form", POLICY, error.message));
    }
    if (policy === null) report.add(3, NOT_CHECKED, "policy-inside", POLICY);
    else if (!policy.agreesWith(proposed)) report.add(3, FLAG, "policy-differs", POLICY);
  }

  // Leaves of both files as one sequence, ascending by index; true: from the register's.
  async *leaves() {
    const streams = [new LeafStream(this, KEYS), new LeafStream(this, LEAVES)];
    const heads = [await streams[0].next(), await streams[1].next()];
    let last = -1;
    while (heads[0] !== null || heads[1] !== null) {
      const which = heads[1] === null || heads[0]?.index <= heads[1].index ? 0 : 1;
      const proven = heads[which];
      if (proven.index === last) this.report.fail(2, "leaf-twice", `leaf ${last}`);
      else {
        last = proven.index;
        yield [proven, which === 0];
      }
      heads[which] = await streams[which].next();
    }
  }

  async leaf(proven, inRegister) {
    const { report } = this;
    const seen = this.parse(proven, inRegister);
    const { failures } = report;
    this.inclusion(proven, seen === null ? `leaf ${proven.index}` : seen.where);
    if (seen === null) return;
    this.registerEvent(seen);
    await this.signature(seen);
    const record = this.history.take(seen);
    const sound = report.failures === failures;
    this.history.disposal(seen, record, sound);
    if (!inRegister) await this.event(seen, record, sound);
    await this.checkReceipt(seen);
  }

  async event(seen, record, sound) {
    const { statement: said, leaf, index } = seen;
    const { record: id, version, event: eventId, type } = said;
    const { number } = record;
    const event = { index, record: id, version, event: eventId, type, number, verdict: OPENED };
    Object.assign(event, { by: null, opened: [], said });
    Object.assign(event, { recordedAt: leaf.recorded_at, ownNumber: leaf.number });
    this.report.events.push(event);
    if (!sound) this.report.worsen(event, MISMATCH);
    await this.disclosure.take(seen, event);
  }

  // 2. Canonical forms: leaf, envelope, statement.
  parse(proven, inRegister) {
    if (proven.fault) {
      this.report.fail(2, "form", `leaf ${proven.index}`, proven.fault.message);
      return null;
    }
    this.report.count(2);
    return { ...proven.seen, inRegister, fits: proven.fits };
  }

  // 4. Leaf hash, inclusion proof, checkpoint.
  inclusion(proven, where) {
    if (this.checkpoint === null) {
      this.report.fail(4, "inclusion-open", where);
      return;
    }
    const { size, root } = this.checkpoint;
    try {
      verifyInclusion(proven.index, size, leafHash(proven.data), proven.proof, root);
      this.report.count(4);
      this.report.proven.push(proven.index);
    } catch (error) {
      caught(error, () => this.report.fail(4, "inclusion", where, error.message));
    }
  }

  // 5. The key register, taken in as its leaves go by.
  registerEvent(seen) {
    const { statement: said } = seen;
    if (!seen.inRegister) {
      const mine = said.record === this.register.record || said.kind === REGISTER_KIND;
      if (mine || REGISTER_EVENTS.includes(said.type)) {
        this.report.fail(5, "register-outside", seen.where);
      }
      return;
    }
    try {
      this.register.apply(seen.index, said);
      this.report.count(5);
    } catch (error) {
      caught(error, () => this.report.fail(5, error.code, seen.where, error.message));
    }
  }

  // 6. Signer's key valid at this index, and for this; envelope signature.
  async signature(seen) {
    const { statement: said, envelope } = seen;
    try {
      const entry = this.register.signerOf(said, seen.index);
      if (entry.use === "passkey") {
        this.counter(seen, await verifyAssertion(entry, envelope.signature, envelope.payload));
      } else if (!seen.fits) {
        throw unfit(said.key);
      }
      this.report.count(6);
    } catch (error) {
      const code = error.code || "signature";
      caught(error, () => this.report.fail(6, code, seen.where, error.message));
      if (seen.inRegister) this.register.undo();
    }
  }

  // 6, continued. An authenticator that counts counts up: if not, there may be two of it.
  counter(seen, now) {
    const id = seen.statement.key;
    const before = this.counters.get(id) ?? 0;
    if ((now || before) && now <= before) {
      this.report.add(6, FLAG, "counter-back", seen.where, `${before} -> ${now}`);
    }
    this.counters.set(id, Math.max(now, before));
  }

  async afterLeaves() {
    const { report, head, register } = this;
    this.logKeyRegistered();
    // 7, continued. Each record listed has its leaves; what no bundle can show by itself.
    for (const record of head.records) {
      if (!this.history.records.has(record)) report.fail(7, "record-empty", `record ${record}`);
    }
    if (head.records.includes(register.record)) {
      report.fail(7, "register-listed", `record ${register.record}`);
    }
    await checkCompleteness(this);
    // 10, 11, 12, continued.
    this.history.settle();
    this.disclosure.settle(this.history.records);
    for (; this.receipt !== null; this.receipt = await this.receipts.next()) {
      const { where, said } = this.receipt;
      report.fail(13, "receipt-leaf", where, `leaf ${said.index}`);
    }
    await this.table();
  }

  // 5, continued. The key that signed the checkpoint is the register's log key.
  logKeyRegistered() {
    if (this.checkpoint === null) return;
    const id = toHex(sha256(readVkey(this.report.logKey).bytes));
    try {
      this.register.entryAt(id, this.checkpoint.size - 1n, "log");
    } catch (error) {
      caught(error, () => this.report.fail(5, "log-key", KEYS, error.message));
    }
  }

  // 13. Receipts say what the log says, signed by a log key.
  async checkReceipt(seen) {
    while (this.receipt !== null && this.receipt.said.index <= seen.index) {
      const { where, said, envelope, fits } = this.receipt;
      try {
        this.compareReceipt(seen, said);
        this.register.entryAt(envelope.keyid, said.index, "log");
        if (!fits) throw unfit(envelope.keyid);
        this.report.count(13);
      } catch (error) {
        const code = error.code || "receipt-signature";
        caught(error, () => this.report.fail(13, code, where, error.message));
      }
      this.receipt = await this.receipts.next();
    }
  }

  compareReceipt(seen, said) {
    const leaf = `leaf ${said.index}`;
    if (said.index !== seen.index) throw new FormatError(leaf, "receipt-leaf");
    const expected = receiptOf(seen);
    if (Object.keys(expected).some((name) => expected[name] !== said[name])) {
      throw new FormatError(leaf, "receipt-other");
    }
  }

  // 14. The table of contents, computed again.
  async table() {
    const { report, head, checkpoint, breathe } = this;
    const [, , found] = await this.box.measure(INDEX, breathe);
    const isAsComputed =
      checkpoint !== null && (await tableHash(head, checkpoint, report.events, breathe)) === found;
    if (!isAsComputed) report.fail(14, "listing", INDEX);
    report.count(14);
  }

  // 15. Of the checkpoint: with all its signature lines, and with the log's alone.
  checkpointImprints = async () => {
    const { box, report } = this;
    const found = [];
    try {
      const data = await box.read(CHECKPOINT, MAX_CHECKPOINT);
      found.push(sha256(data));
      found.push(sha256(utf8(signedBy(readNote(data), readVkey(report.logKey)))));
    } catch (error) {
      caught(error, () => {}); // step 3 says so
    }
    return found;
  };
}

const unfit = (id) => new SignatureError(`signature by key ${id.slice(0, 16)} does not fit`);

function caught(error, tell) {
  if (!(error instanceof EvidenceError)) throw error;
  tell();
}

// A member's lines, read ahead a batch at a time, their signatures verified meanwhile.
class Batches {
  constructor(run, path) {
    this.run = run;
    this.batches = run.box.members.has(path) ? run.box.lines(path) : emptyLines();
    this.held = [];
    this.at = 0;
  }

  // The next line read by `take`; null at the end.
  async line() {
    while (this.at === this.held.length) {
      const { value, done } = await this.batches.next();
      if (done) return null;
      this.held = await Promise.all(value.map((line) => this.ready(line)));
      this.at = 0;
      await this.run.breathe();
    }
    return this.held[this.at++];
  }
}

async function* emptyLines() {}

class LeafStream extends Batches {
  constructor(run, path) {
    super(run, path);
    this.path = path;
    this.last = -1;
    this.number = 0;
  }

  async ready(line) {
    if (line instanceof BundleError) return line;
    const proven = parsed(line);
    if (proven.seen) proven.fits = await this.run.ring.fits(proven.seen.envelope);
    return proven;
  }

  // The next leaf in ascending order of index; lines that are not as they must be are reported.
  async next() {
    for (;;) {
      const proven = await this.line();
      if (proven === null) return null;
      this.number += 1;
      const error = this.fault(proven);
      if (error === null) {
        this.last = proven.index;
        return proven;
      }
      this.run.report.fail(2, error.code || "form", error.where, error.message);
    }
  }

  fault(proven) {
    if (proven instanceof BundleError) return proven;
    const where = `${this.path} line ${this.number}`;
    if (proven instanceof EvidenceError) return new BundleError(where, proven.message);
    if (proven.index > this.last) return null;
    return new BundleError(where, "leaf twice or out of order", "leaf-order");
  }
}

// A leaf's line, as far as it can be read; the error if it is no such line.
function parsed(line) {
  let proven;
  try {
    proven = readLeafLine(line);
    proven.seen = seenIn(proven);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    if (proven === undefined) return error;
    proven.fault = error;
  }
  return proven;
}

function seenIn({ index, data }) {
  const leaf = readLeaf(data);
  const envelope = readEnvelope(leaf.envelope, STATEMENT_TYPE);
  const statement = readStatement(envelope.payload);
  if (envelope.keyid !== statement.key) {
    throw new FormatError("envelope and statement name different keys");
  }
  const where = place(statement.record, leaf.number, statement.event, index);
  return { index, data, leaf, envelope, statement, where, hash: envelopeHash(envelope) };
}

class Receipts extends Batches {
  constructor(run) {
    super(run, RECEIPTS);
    this.last = -1;
    this.number = 0;
  }

  async ready(line) {
    if (line instanceof BundleError) return line;
    try {
      const receipt = readReceipt(line);
      return { ...receipt, fits: await this.run.ring.fits(receipt.envelope) };
    } catch (error) {
      if (error instanceof EvidenceError) return error;
      throw error;
    }
  }

  async next() {
    for (;;) {
      let receipt = await this.line();
      if (receipt === null) return null;
      this.number += 1;
      const where = `${RECEIPTS} line ${this.number}`;
      if (receipt.said?.index <= this.last) {
        receipt = new FormatError(`${this.last}, ${receipt.said.index}`, "receipt-order");
      }
      if (receipt instanceof EvidenceError) {
        this.run.report.fail(13, receipt.code || "receipt", where, receipt.message);
        continue;
      }
      this.last = receipt.said.index;
      return { ...receipt, where };
    }
  }
}
