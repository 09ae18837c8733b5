// What was asked for, and the heads: the log's signed word that each record ends here (formats.md 8, 10).

const MAX_HEADS = 16 * 1024 * 1024;
const VARIETIES = ["record", "case", "query", "year", "archive"];
const MAX_ASKED = 4096;
const MAX_VOLUMES = 9999;
// What ends a line or turns the direction of writing could make index.txt tell another story.
const UNTOLD = /[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;
const isCount = atLeast(1);
const isHead = shaped({ head: isHex64, record: isHex32, version: isCount });

function checkAbout(about) {
  if (!hasExactly(about, ["as_of", "asked", "variety", "volume", "volumes"])) {
    throw new FormatError("about has missing or unknown keys");
  }
  const { as_of, asked, variety, volume, volumes } = about;
  checkTime(as_of);
  if (!VARIETIES.includes(variety) || typeof asked !== "string") {
    throw new FormatError(`what was asked for is one of ${VARIETIES.join(", ")}`);
  }
  if ((asked !== "") !== ["query", "year"].includes(variety)) {
    throw new FormatError("a query and a year say which, and nothing else does");
  }
  if (variety === "year" && !/^[0-9]{4}$/.test(asked)) throw new FormatError("a year has four digits");
  if (utf8(asked).length > MAX_ASKED || UNTOLD.test(asked)) {
    throw new FormatError("the question is too long, or is no single plain line");
  }
  if (!isCount(volume) || !isCount(volumes) || volume > volumes || volumes > MAX_VOLUMES) {
    throw new FormatError("volume is out of bounds");
  }
}

// The envelope, its signature not verified, and what it says.
function readHeads(bytes) {
  const envelope = readEnvelope(fromLatin1(bytes), HEADS_TYPE);
  const said = decodeObject(envelope.payload);
  if (!hasExactly(said, ["about", "origin", "records", "root", "size", "v"])) {
    throw new FormatError("heads have missing or unknown keys");
  }
  if (said.v !== 1 || !isOrigin(said.origin)) {
    throw new FormatError("heads of another format, or with an origin that is none");
  }
  if (!isHex64(said.root) || !isCount(said.size)) {
    throw new FormatError("heads with a root or size that is out of bounds");
  }
  if (!listOf(isHead)(said.records)) throw new FormatError("heads with a record that is none");
  if (!isAscending(said.records.map(({ record }) => record))) {
    throw new FormatError("heads list records twice or out of order");
  }
  checkAbout(said.about);
  return { envelope, said };
}

const SAME_ABOUT = ["as_of", "asked", "variety", "volume", "volumes"];

// 7, continued. After all leaves: what the heads say, and what all leaves prove by themselves.
async function checkCompleteness(run) {
  const { report, checkpoint } = run;
  const { failures } = report;
  const told = await checkedHeads(run);
  if (told !== null) {
    compareHeads(run, told);
    compareEnds(run, told);
  }
  // Each index has one leaf in the bundle, which its own proof led to this very place.
  if (checkpoint !== null && BigInt(report.proven.length) === checkpoint.size) {
    report.completeness = PROVEN;
  } else if (report.failures === failures) {
    report.completeness = SIGNED;
  } else {
    report.add(7, NOT_CHECKED, "tail", report.origin);
  }
}

async function checkedHeads({ report, box, register, ring }) {
  let heads;
  try {
    heads = readHeads(await box.read(HEADS, MAX_HEADS));
  } catch (error) {
    caught(error, () => report.fail(7, "heads", HEADS, error.message));
    return null;
  }
  const { envelope, said } = heads;
  try {
    register.entryAt(envelope.keyid, said.size - 1, "log");
    if (!(await ring.fits(envelope))) throw unfit(envelope.keyid);
  } catch (error) {
    caught(error, () => report.fail(7, "heads-signature", HEADS, error.message));
  }
  return said;
}

function compareHeads({ report, head, register, checkpoint }, told) {
  const isOver =
    checkpoint !== null &&
    told.origin === checkpoint.origin &&
    BigInt(told.size) === checkpoint.size &&
    told.root === toHex(checkpoint.root);
  if (!isOver || SAME_ABOUT.some((name) => told.about[name] !== head.about[name])) {
    report.fail(7, "heads-other", HEADS);
  }
  const listed = new Set([...head.records, register.record]);
  if (listed.size !== told.records.length || !told.records.every(({ record }) => listed.has(record))) {
    report.fail(7, "heads-records", HEADS);
  }
}

function compareEnds({ report, history }, told) {
  for (const { record, version, head } of told.records) {
    const here = history.records.get(record);
    if (here === undefined || (here.version === version && here.prev === head)) continue;
    report.fail(7, "head-differs", `record ${record}`, `${here.version} / ${version}`);
  }
}
