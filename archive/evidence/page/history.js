// Steps 7, 8, 9 and 12: what the events of a record say about each other.

class History {
  constructor(report, origin, listed) {
    this.report = report;
    this.origin = origin;
    this.listed = new Set(listed);
    this.events = new Set();
    this.numbers = new Set();
    this.recordedAt = "";
    this.approvals = new Approvals();
    this.disposals = [];
    this.records = new Map();
  }

  take(seen) {
    const id = seen.statement.record;
    let record = this.records.get(id);
    if (record === undefined) {
      record = { number: seen.leaf.number, version: 0, kind: "", baseDate: null, disposal: null };
      record.envelopes = new Set();
      record.prev = null;
      this.records.set(id, record);
    }
    for (const [code, detail] of this.chainFaults(seen, record)) {
      this.report.fail(7, code, seen.where, detail);
    }
    this.report.count(7);
    this.time(seen);
    this.anchor(seen);
    this.signoff(seen, record);
    this.remember(seen, record);
    return record;
  }

  // 7. Origin, record, contiguous versions, previous hashes, ids and numbers that occur once.
  *chainFaults(seen, record) {
    const { statement: said } = seen;
    const { number } = seen.leaf;
    if (said.origin !== this.origin) yield ["origin-other", said.origin];
    if (!seen.inRegister && !this.listed.has(said.record)) yield ["record-unlisted", ""];
    if (said.version !== record.version + 1) {
      yield ["version-gap", `${record.version} -> ${said.version}`];
    }
    if (said.prev !== record.prev) yield ["prev", ""];
    if (record.version && said.kind !== record.kind) {
      yield ["kind-changed", `${record.kind} -> ${said.kind}`];
    }
    if (this.events.has(said.event)) yield ["event-twice", ""];
    if (number !== null && said.version !== 1) yield ["number-late", number];
    if (number !== null && this.numbers.has(number)) yield ["number-twice", number];
  }

  // 8. Recorded times do not run back; claimed times that lie ahead are flagged.
  time(seen) {
    const { recorded_at: recorded } = seen.leaf;
    const { occurred_at: occurred } = seen.statement;
    if (recorded < this.recordedAt) {
      this.report.fail(8, "recorded-back", seen.where, `${this.recordedAt} -> ${recorded}`);
    } else {
      this.recordedAt = recorded;
    }
    this.report.count(8);
    if (occurred > recorded) {
      this.report.add(8, FLAG, "occurred-ahead", seen.where, `${occurred} > ${recorded}`);
    }
  }

  // 8, continued. The checkpoint that an own-key signer had seen is older than the leaf.
  anchor(seen) {
    const { seen: anchor } = seen.statement;
    if (anchor === null) return;
    if (anchor.size > seen.index) this.report.fail(8, "anchor-ahead", seen.where, anchor.size);
    else this.report.add(8, NOT_CHECKED, "anchor-open", seen.where, anchor.size);
  }

  // 9. What a sign-off covers exists earlier in the record.
  signoff(seen, record) {
    const { signoff } = seen.statement;
    if (signoff === null) return;
    this.report.count(9);
    const missing = signoff.covers.filter((hash) => !record.envelopes.has(hash));
    if (missing.length) this.report.fail(9, "covers", seen.where, missing.join(", "));
  }

  remember(seen, record) {
    const { statement: said } = seen;
    this.events.add(said.event);
    if (seen.leaf.number) this.numbers.add(seen.leaf.number);
    record.version = said.version;
    record.kind = said.kind;
    record.prev = seen.hash;
    record.envelopes.add(seen.hash);
  }

  // 12. Filings, reopenings and disposals; `sound`: steps 4 to 9 did not fail for this leaf. One that
  // is not sound is nobody's word: else whoever slips in a `disposed` could explain away a loss.
  disposal(seen, record, sound) {
    const { statement: said } = seen;
    if (said.type === "disposed") {
      const faults = sound ? [...disposalFaults(seen, record)] : [["disposal-unsound", ""]];
      for (const [code, detail] of faults) this.report.fail(12, code, seen.where, detail);
      if (!faults.length) {
        const approvals = [...new Set(said.facts.approvals)];
        const { list } = said.facts;
        this.disposals.push([record, { index: seen.index, where: seen.where, list, approvals }]);
      }
      this.report.count(12);
      this.report.add(12, NOT_CHECKED, "disposal-outside", seen.where);
    } else if (sound && said.type === "filed") {
      record.baseDate = said.facts.base_date;
    } else if (sound && said.type === "reopened") {
      record.baseDate = null;
    } else if (sound) {
      this.approvals.take(seen.index, said, seen.hash);
    }
  }

  // 12, continued. Approvals that a disposal names, as far as they are in the bundle.
  settle() {
    const wanted = new Set(this.disposals.flatMap(([, disposal]) => disposal.approvals));
    const here = new Set();
    for (const { envelopes } of wanted.size ? this.records.values() : []) {
      for (const hash of wanted) if (envelopes.has(hash)) here.add(hash);
    }
    for (const [record, disposal] of this.disposals) {
      const faults = [...this.approvals.faults(disposal, here)];
      for (const [code, detail] of faults) this.report.fail(12, code, disposal.where, detail);
      for (const hash of disposal.approvals.filter((one) => !here.has(one))) {
        this.report.add(12, NOT_CHECKED, "disposal-approval-outside", disposal.where, hash);
      }
      if (!faults.length) record.disposal = disposal.index;
    }
  }
}

function* disposalFaults(seen, record) {
  const { last_day: lastDay, approvals } = seen.statement.facts;
  if (record.baseDate === null) yield ["disposal-unfiled", ""];
  else if (lastDay < record.baseDate) yield ["disposal-base", `${lastDay} < ${record.baseDate}`];
  if (!isAfter(seen.leaf.recorded_at, lastDay)) {
    yield ["disposal-early", `${seen.leaf.recorded_at}, ${lastDay}`];
  }
  if (new Set(approvals).size < 2) yield ["disposal-approvals", ""];
}

// A disposal names its approvals; those in the bundle are what they should be.
class Approvals {
  constructor() {
    this.given = new Map();
    this.listed = new Map();
  }

  take(index, said, hash) {
    const { record, facts } = said;
    if (said.type === "disposal-listed") {
      if (!this.listed.has(record)) this.listed.set(record, []);
      this.listed.get(record).push({ index, list: facts.list });
    } else if (said.type === "disposal-approved") {
      const people = new Set([said.actor, said.behalf].filter((person) => person !== null));
      this.given.set(hash, { index, record, list: facts.list, people });
    }
  }

  // `here`: hashes of envelopes that are in the bundle, whatever they are.
  *faults(disposal, here) {
    const found = [];
    for (const hash of disposal.approvals) {
      const approval = this.given.get(hash);
      const fits = approval?.list === disposal.list && approval.index < disposal.index;
      if (fits) found.push(approval);
      else if (approval !== undefined || here.has(hash)) yield ["disposal-approval", hash];
    }
    const people = found.flatMap((approval) => [...approval.people]);
    const nameless = found.some((approval) => !approval.people.size);
    if (nameless || new Set(people).size !== people.length) yield ["disposal-approvers", ""];
    if (new Set(found.map((approval) => approval.record)).size > 1) {
      yield ["disposal-approval", "two records"];
    } else if (found.length && !this.listStood(found, disposal)) {
      yield ["disposal-list", disposal.list];
    }
  }

  // The list was last listed before its approvals: a list made anew voids them.
  listStood(found, disposal) {
    const listed = this.listed.get(found[0].record) ?? [];
    const last = listed.filter((item) => item.index < disposal.index).at(-1);
    const first = Math.min(...found.map((approval) => approval.index));
    return last !== undefined && last.list === disposal.list && last.index < first;
  }
}
