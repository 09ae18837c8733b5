// What the verifier found: steps, findings, one verdict per event; and the same as text and JSON.

const VERDICTS = ["OPENED", "DISPOSED", "WITHHELD", "MISSING", "MISMATCH"]; // ascending severity
const [OPENED, DISPOSED, WITHHELD, MISSING, MISMATCH] = VERDICTS;
const [FAILED, FLAG, NOT_CHECKED] = ["FAILED", "FLAG", "NOT CHECKED"];
const [PROVEN, SIGNED] = ["PROVEN", "SIGNED"]; // that nothing was left out

function place(record, number, event, index) {
  return `record ${record}${number ? ` ${number}` : ""}, event ${event}, leaf ${index}`;
}

const placeOf = (event) => place(event.record, event.number, event.event, event.index);

class Report {
  constructor(origin, about) {
    this.origin = origin;
    this.about = about; // as the bundle says; signed with its heads
    this.checkpoint = { size: 0n, root: "" };
    this.logKey = "";
    this.keyTrusted = false;
    this.cosigned = []; // trusted witnesses, and when
    this.completeness = NOT_CHECKED;
    this.proven = []; // indexes of the leaves that the checkpoint proves, ascending
    this.timestamps = []; // those that hold
    this.findings = []; // at most WORDS.mostAlike of a kind
    this.kinds = new Map();
    this.events = [];
    this.counts = new Map();
    this.failures = 0;
  }

  get ok() {
    return this.failures === 0;
  }

  get failedSteps() {
    const failed = [...this.kinds.values()].filter(({ level }) => level === FAILED);
    return [...new Set(failed.map(({ step }) => step))].sort((left, right) => left - right);
  }

  add(step, level, code, where, detail = "") {
    const name = `${step} ${level} ${code}`;
    const kind = this.kinds.get(name) ?? { step, level, code, number: 0 };
    kind.number += 1;
    this.kinds.set(name, kind);
    if (kind.number <= WORDS.mostAlike) {
      this.findings.push({ step, level, code, where, detail: String(detail) });
    }
  }

  fail(step, code, where, detail = "") {
    this.failures += 1;
    this.add(step, FAILED, code, where, detail);
  }

  count(step) {
    this.counts.set(step, (this.counts.get(step) ?? 0) + 1);
  }

  worsen(event, verdict) {
    if (VERDICTS.indexOf(verdict) > VERDICTS.indexOf(event.verdict)) event.verdict = verdict;
  }

  // As the command's --json has it.
  toJSON() {
    return {
      ok: this.ok,
      origin: this.origin,
      about: this.about,
      checkpoint: { size: Number(this.checkpoint.size), root: this.checkpoint.root },
      log_key: this.logKey,
      key_trusted: this.keyTrusted,
      cosigned: this.cosigned.map(([witness, time]) => ({ witness, time })),
      completeness: this.completeness,
      timestamps: this.timestamps,
      failures: this.failures,
      failed_steps: this.failedSteps,
      steps: Object.entries(WORDS.steps).map(([step, [, title]]) => ({
        step: Number(step),
        title,
        checked: this.counts.get(Number(step)) ?? 0,
      })),
      kinds: [...this.kinds.values()],
      findings: this.findings,
      events: this.events.map(({ index, record, version, event, type, number, verdict, by }) => ({
        index, record, version, event, type, number, verdict, disposed_by: by,
      })),
    };
  }
}

// ---- as text: the same sentences as the command's

function say(phrase, at, ...values) {
  return WORDS.phrases[phrase][at].replace(/\{(\d)\}/g, (_, i) => String(values[i]));
}

function render(report, at) {
  const lines = [resultLine(report, at), "", ...aboutLines(report, at), ""];
  for (const step of Object.keys(WORDS.steps)) {
    lines.push(stepLine(report, Number(step), at));
    lines.push(...findingLines(report, Number(step), at).map((line) => `    ${line}`));
  }
  lines.push("", say("each", at), ...report.events.map((event) => eventLine(event, at)));
  return `${lines.join("\n")}\n`;
}

function resultLine(report, at) {
  if (!report.ok) return say("failed", at, report.failedSteps.join(say("listed", at)));
  const open = report.findings.some(({ level }) => level === NOT_CHECKED);
  return say("whole", at) + (open ? say("open", at) : "");
}

function aboutLines(report, at) {
  const tally = (verdict) => report.events.filter((event) => event.verdict === verdict).length;
  const counted = VERDICTS.filter(tally).map(
    (verdict) => `${WORDS.verdicts[verdict][at]} (${verdict}) ${tally(verdict)}`,
  );
  const tail = counted.length ? say("colon", at) + counted.join(say("comma", at)) : "";
  return [
    say("archive", at, report.origin),
    askedLine(report.about, at),
    say("checkpoint", at, report.checkpoint.size, report.checkpoint.root),
    say("log-key", at, report.logKey || "-"),
    say("events", at, report.events.length) + tail,
  ];
}

function askedLine({ variety, asked, as_of, volume, volumes }, at) {
  const phrase = variety === "archive" ? "whole-archive" : variety;
  const told = [say(phrase, at, asked), say("as-of", at, as_of)];
  if (volumes > 1) told.push(say("volume", at, volume, volumes));
  return say("asked", at, told.join(say("comma", at)));
}

function stampedLine({ n, time, authority, renews }, at) {
  const tail = renews.length ? say("renews", at, renews.join(say("listed", at))) : "";
  return say("stamped", at, n, time, authority) + tail;
}

// What a step says besides its findings.
function toldLines(report, step, at) {
  if (step === 3) return report.cosigned.map((told) => say("cosigned", at, ...told));
  if (step === 7 && report.completeness === PROVEN) return [say("complete-proven", at)];
  if (step === 7 && report.completeness === SIGNED) return [say("complete-signed", at)];
  if (step === 15) return report.timestamps.map((stamped) => stampedLine(stamped, at));
  return [];
}

function stepState(report, step) {
  if (report.failedSteps.includes(step)) return "step-failed";
  return report.counts.get(step) ? "step-ok" : "step-empty";
}

function stepLine(report, step, at) {
  const count = report.counts.get(step) ?? 0;
  const state = say(stepState(report, step), at) + (count ? say("checked", at, count) : "");
  return `${String(step).padStart(2)}. ${WORDS.steps[step][at]}${say("colon", at)}${state}`;
}

function findingLines(report, step, at) {
  const lines = toldLines(report, step, at);
  for (const finding of report.findings.filter((one) => one.step === step)) {
    lines.push(WORDS.levels[finding.level][at] + say("colon", at) + findingText(finding, at));
  }
  for (const { step: of, level, code, number } of report.kinds.values()) {
    if (of === step && number > WORDS.mostAlike) {
      const rest = say("more", at, number - WORDS.mostAlike);
      lines.push(`${WORDS.levels[level][at]}: ${rest}: ${WORDS.findings[code][at]}`);
    }
  }
  return lines;
}

function findingText({ code, where, detail }, at) {
  const shown = detail && !WORDS.plain.includes(code) ? ` (${placeText(detail, at)})` : "";
  const named = WORDS.ofAll.includes(code) ? "" : placeText(where, at) + say("colon", at);
  return named + WORDS.findings[code][at] + shown;
}

function placeText(where, at) {
  where = where.replace(new RegExp(WORDS.eventId, "g"), "");
  if (at === 1) return where;
  for (const [expression, meant] of WORDS.places) {
    where = where.replace(new RegExp(expression, "g"), meant.replace("\\1", "$1"));
  }
  return where;
}

function eventLine(event, at) {
  const name = `${event.number ?? event.record} v${event.version} ${event.type}`;
  const where = say("leaf", at, event.index).padStart(8);
  const verdict = `${event.verdict.padEnd(8)}  ${name}${say("colon", at)}`;
  const by = event.by === null ? "" : say("by-leaf", at, event.by);
  return `  ${where}  ${verdict}${WORDS.verdicts[event.verdict][at]}${by}`;
}

// ---- several bundles side by side: the volumes of one answer, or of the whole log

// null where one failed, or they lead to different checkpoints: then nothing more is said.
function together(reports) {
  const heads = reports.map(({ origin, checkpoint: { size, root } }) => `${origin} ${size} ${root}`);
  if (new Set(heads).size !== 1 || !reports.every(({ ok }) => ok)) return null;
  const indexes = Float64Array.from(reports.flatMap(({ proven }) => proven)).sort();
  const leaves = indexes.filter((index, i) => index !== indexes[i - 1]).length;
  const volumes = Math.max(...reports.map(({ about }) => about.volumes));
  const here = reports.filter(({ about }) => about.volumes === volumes).map(({ about }) => about.volume);
  const all = Array.from({ length: volumes }, (_, i) => i + 1);
  const { size } = reports[0].checkpoint;
  return { leaves, size, missing: all.filter((volume) => !here.includes(volume)) };
}

function togetherLines(found, at) {
  if (found === null) return [say("together-none", at)];
  const { leaves, size, missing } = found;
  const phrase = BigInt(leaves) === size ? "together-proven" : "together-part";
  const lines = [say(phrase, at, leaves, size)];
  if (missing.length) lines.push(say("together-missing", at, missing.join(say("listed", at))));
  return lines;
}
