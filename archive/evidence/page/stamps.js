// Step 15: the timestamps over the checkpoint, and their renewals.

const MAX_RENEWED = 65_536;

// `trusted`: certificates of authorities, of which one that signed is asked for.
async function checkTimestamps({ report, box, checkpointImprints }, trusted) {
  const numbers = timestampNumbers(report, box);
  const imprints = numbers.length ? await checkpointImprints() : [];
  const sound = new Map(); // numbers of the tokens that hold, by their hashes
  for (const n of numbers) {
    const path = `${TIMESTAMPS}${n}.tsr`;
    try {
      const data = await box.read(path, LARGEST_TOKEN);
      const [renews, over] = await whatItIsOver(box, n, sound, imprints);
      const token = await verifiedToken(data, over);
      sound.set(toHex(sha256(data)), n);
      report.count(15);
      const { time, authority } = token;
      const isTrusted = await trustToken(report, token, path, trusted);
      report.timestamps.push({ n, time, authority, renews, trusted: isTrusted });
    } catch (error) {
      const code = error.code || "timestamp-form";
      caught(error, () => report.fail(15, code, path, error.message));
    }
  }
  if (trusted.length && !report.timestamps.some((stamped) => stamped.trusted)) {
    report.fail(15, "timestamp-none", TIMESTAMPS);
  }
}

// Of the tokens, ascending.
function timestampNumbers(report, box) {
  const found = { tsr: [], renewed: [] };
  for (const path of box.members.keys()) {
    if (!path.startsWith(TIMESTAMPS)) continue;
    const [number, kind] = path.slice(TIMESTAMPS.length).split(".");
    found[kind].push(Number(number));
  }
  const numbers = found.tsr.sort((left, right) => left - right);
  const isWhole = numbers.every((number, i) => number === i + 1);
  if (!isWhole || !found.renewed.every((number) => numbers.includes(number))) {
    report.fail(15, "timestamp-numbers", TIMESTAMPS);
  }
  return numbers;
}

// [the tokens here that it renews, of what its imprint may be].
async function whatItIsOver(box, n, sound, imprints) {
  const path = `${TIMESTAMPS}${n}.renewed`;
  if (!box.members.has(path)) return [[], imprints];
  const data = await box.read(path, MAX_RENEWED);
  const renews = [];
  for (let at = 0; at < data.length; at += 32) {
    const number = sound.get(toHex(data.subarray(at, at + 32)));
    if (number !== undefined) renews.push(number);
  }
  if (data.length % 32 || !renews.length) {
    throw new SignatureError("it renews no token of this bundle that holds", "timestamp-renewed");
  }
  return [renews, [sha256(data)]];
}

async function verifiedToken(data, imprints) {
  const none = "there is no checkpoint for it to be over";
  let fault = new SignatureError(none, "timestamp-imprint");
  for (const imprint of imprints) {
    try {
      return await verifyToken(data, imprint);
    } catch (error) {
      if (error.code !== "timestamp-imprint") throw error;
      fault = error;
    }
  }
  throw fault;
}

async function trustToken(report, token, path, trusted) {
  if (trusted.length && (await token.leadsTo(trusted))) return true;
  const code = trusted.length ? "timestamp-authority" : "authority-from-token";
  report.add(15, NOT_CHECKED, code, path, token.authority);
  return false;
}
