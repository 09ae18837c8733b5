// index.txt: the table of contents for people, computed again from what the bundle proves.

const COLUMNS = [
  "叶号 leaf | 版本 version | 事件 event | 步骤 step | 声称时间 occurred",
  " | 入档时间 recorded | 内容件 parts",
].join("");

// Its SHA-256, in hex. `events`: those of leaves.jsonl in their order.
async function tableHash({ origin, about, context }, checkpoint, events, breathe) {
  const hash = new Sha256();
  hash.update(utf8(heading(origin, about, checkpoint)));
  for (const [record, its, isContext] of inOrder(events, context)) {
    hash.update(utf8([recordTitle(record, its, isContext), ...its.map(eventRowText)].join("")));
    await breathe();
  }
  return toHex(hash.digest());
}

// [record, its events, whether nobody asked for it]: those that were asked for, then the others; as
// their first leaves lie in the log.
function* inOrder(events, context) {
  const byRecord = new Map();
  for (const event of events) {
    if (!byRecord.has(event.record)) byRecord.set(event.record, []);
    byRecord.get(event.record).push(event);
  }
  for (const isContext of [false, true]) {
    for (const [record, its] of byRecord) {
      if (context.has(record) === isContext) yield [record, its, isContext];
    }
  }
}

function heading(origin, { variety, asked, as_of, volume, volumes }, { size, root }) {
  const lines = [
    "留痕 证据包目录 / Liuhen evidence bundle: contents",
    `档案 origin: ${origin}`,
    `检查点 checkpoint: ${size} 条 leaves, ${toHex(root)}`,
    `所求 asked for: ${variety}${asked && ` | ${asked}`}`,
    `截至 as of: ${as_of}`,
    `册 volume: ${volume}/${volumes}`,
    "核验 verify: python -m archive.evidence BUNDLE",
    COLUMNS,
  ];
  return `${lines.join("\n")}\n`;
}

function recordTitle(record, its, isContext) {
  const [{ ownNumber, said }] = its;
  const cells = [ownNumber ?? "-", said.kind, record, `${its.length} 个事件 events`];
  if (isContext) cells.push("佐证 context");
  return `\n${cells.join(" | ")}\n`;
}

function eventRowText({ index, said, recordedAt }) {
  const cells = [index, said.version, said.type, said.step ?? "-", said.occurred_at, recordedAt];
  return `${[...cells, said.parts.length].join(" | ")}\n`;
}
