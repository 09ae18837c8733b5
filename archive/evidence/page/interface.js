// What people see. Text only ever enters the page as text: nothing from a bundle becomes markup.

const EVENTS_AT_ONCE = 200;

const page = { at: (navigator.language || "zh").startsWith("zh") ? 0 : 1, shown: null, address: [] };
const byId = (id) => document.getElementById(id);
const tell = (name, ...values) =>
  TEXT[name][page.at].replace(/\{(\d)\}/g, (_, i) => String(values[i]));

function element(tag, content = [], attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick" || name === "oninput" || name === "ontoggle") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}

// The format's own word, in Chinese with what it means.
const spelled = (words, word) => (page.at === 0 ? `${words[word]} ${word}` : word);

function translate() {
  document.documentElement.lang = page.at ? "en" : "zh";
  for (const one of document.querySelectorAll("[data-say]")) one.textContent = tell(one.dataset.say);
  byId("language").textContent = page.at ? "中文" : "English";
  byId("language").lang = page.at ? "zh" : "en";
  if (page.shown !== null) page.shown();
}

async function submit() {
  const files = [...byId("bundle").files];
  if (!files.length) return;
  byId("result").hidden = true;
  const policy = usable("policy", () => Policy.of(byId("key").value));
  const pem = (await byId("tsa-file").files[0]?.slice(0, MAX_NOTE).text()) ?? "";
  const authorities = usable("authorities", () => (pem ? readPem(pem) : []));
  if (policy === undefined || authorities === undefined) return;
  const begin = performance.now();
  const onProgress = (done) => (byId("progress").textContent = tell("checking", done));
  // Of several none is held whole.
  const options = { authorities, onProgress, ...(files.length > 1 && { hold: 0 }) };
  onProgress(0);
  const reports = [];
  let name = "";
  try {
    for (const file of files) {
      ({ name } = file);
      reports.push([name, await verify(file, policy, options)]);
    }
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    byId("progress").textContent = tell("took", seconds);
    show(() => (reports.length > 1 ? showReports(reports) : showReport(...reports[0])));
  } catch (error) {
    byId("progress").textContent = "";
    if (error instanceof EvidenceError) show(() => showUnusable(name, error));
    else show(() => banner("unusable", tell("broken", error.message)));
  }
}

// undefined where what the reader gave cannot be used.
function usable(name, read) {
  try {
    return read();
  } catch (error) {
    caught(error, () => show(() => banner("unusable", tell(name, error.message))));
    return undefined;
  }
}

function show(what) {
  page.shown = () => {
    for (const address of page.address.splice(0)) URL.revokeObjectURL(address);
    const section = byId("result");
    const made = what();
    section.replaceChildren(...(Array.isArray(made) ? made : [made]));
    section.hidden = false;
  };
  page.shown();
}

const banner = (kind, words) =>
  element("p", words, { class: `banner ${kind}`, role: "alert", id: "banner" });

const showUnusable = (name, error) =>
  banner("unusable", [name, say("unusable", page.at), error.message].join(say("colon", page.at)));

// Green is for what a trusted key vouches for.
function verdictKind({ ok, keyTrusted }) {
  if (!ok) return "failed";
  return keyTrusted ? "whole" : "untrusted";
}

// Each is opened on demand: what it shows may be long.
function showReports(reports) {
  const found = together(reports.map(([, report]) => report));
  const worst = ["failed", "untrusted", "whole"].find((kind) =>
    reports.some(([, report]) => verdictKind(report) === kind),
  );
  const made = reports.map(([name, report]) => {
    const line = `${name}${say("colon", page.at)}${resultLine(report, page.at)}`;
    const summary = element("summary", line, { class: verdictKind(report) });
    return onDemand(summary, "bundle", () => reportParts(name, report));
  });
  const kind = found === null ? "failed" : worst;
  return [banner(kind, togetherLines(found, page.at).join(" ")), title("bundles"), ...made];
}

// Details that are made when they are opened for the first time.
function onDemand(summary, name, make) {
  const details = element("details", summary, { class: name });
  details.ontoggle = () => {
    if (details.open && details.children.length === 1) details.append(...make());
  };
  return details;
}

const showReport = (name, report) => [
  banner(verdictKind(report), resultLine(report, page.at)),
  ...reportParts(name, report),
];

function reportParts(name, report) {
  const parts = [];
  if (!report.keyTrusted) parts.push(element("p", tell("untrusted"), { class: "untrusted" }));
  const shown = report.ok ? [7, 3, 15].flatMap((step) => toldLines(report, step, page.at)) : [];
  parts.push(list([...aboutLines(report, page.at), ...shown]));
  parts.push(...notChecked(report), ...steps(report));
  parts.push(...events(report), ...records(report), saving(report, name));
  return parts;
}

const list = (lines) => element("ul", lines.map((line) => element("li", line)), { class: "plain" });
const title = (name) => element("h2", tell(name));

function notChecked(report) {
  const open = report.findings.filter(({ level }) => level === NOT_CHECKED);
  if (!open.length) return [];
  const lines = open.map((finding) => element("li", findingText(finding, page.at)));
  return [title("not-checked"), element("ul", lines, { id: "not-checked", class: "NOT_CHECKED" })];
}

function steps(report) {
  const lines = Object.keys(WORDS.steps).map((name) => {
    const step = Number(name);
    const line = element("span", stepLine(report, step, page.at), { class: stepState(report, step) });
    const found = findingLines(report, step, page.at).map((text_) => element("li", text_));
    return element("li", found.length ? [line, element("ul", found)] : line);
  });
  return [title("steps"), element("ol", lines, { class: "plain", id: "steps" })];
}

function events(report) {
  const head = TEXT.head[page.at].map((text_) => element("th", text_, { scope: "col" }));
  const body = element("tbody");
  const table = element("table", [element("thead", element("tr", head)), body], { id: "events" });
  const more = element("button", "", { type: "button" });
  more.onclick = () => {
    const shown = body.rows.length;
    body.append(...report.events.slice(shown, shown + EVENTS_AT_ONCE).map(eventRow));
    const left = report.events.length - body.rows.length;
    more.hidden = left === 0;
    more.textContent = tell("more", Math.min(left, EVENTS_AT_ONCE), report.events.length);
  };
  more.onclick();
  return [title("events"), element("div", table, { class: "wide" }), more];
}

function eventRow(event) {
  const by = event.by === null ? "" : say("by-leaf", page.at, event.by);
  const type = spelled(EVENT_WORDS, event.type);
  const cells = [event.index, event.verdict, event.number ?? event.record, event.version, type];
  const made = [...cells, WORDS.verdicts[event.verdict][page.at] + by].map((cell) =>
    element("td", String(cell)),
  );
  made[1].className = event.verdict;
  return element("tr", made);
}

// ---- the timeline, and its replay

function records(report) {
  const made = [title("records")];
  if (!report.ok) made.push(element("p", tell("failed-timeline"), { class: "failed" }));
  let wasContext = false;
  for (const [record, its, isContext] of inOrder(report.events, report.context)) {
    if (isContext && !wasContext) made.push(title("context"));
    wasContext = isContext;
    const summary = element("summary", tell("record", its[0].number ?? record, its.length));
    made.push(onDemand(summary, "record", () => timelineOf(report, its)));
  }
  return made;
}

function timelineOf(report, its) {
  const timeline = element("ol", [], { class: "plain timeline" });
  const label = element("label");
  const range = element("input", [], { type: "range", min: 1, max: its.length });
  range.value = its.length;
  range.oninput = () => {
    label.firstChild.textContent = tell("replay", range.value, its.length);
    [...timeline.children].forEach((item, i) => (item.hidden = i >= Number(range.value)));
  };
  label.append(document.createTextNode(""), range);
  fill(report.box, timeline, its).then(range.oninput);
  range.oninput();
  return [label, timeline];
}

async function fill(box, timeline, its) {
  const breathe = breather();
  for (const event of its) {
    timeline.append(await eventItem(box, event));
    await breathe();
  }
}

async function eventItem(box, event) {
  const { said } = event;
  const step = said.step === null ? "" : ` · ${said.step}`;
  const head = element("strong", `v${event.version} ${spelled(EVENT_WORDS, event.type)}${step} `);
  const verdict = element("span", WORDS.verdicts[event.verdict][page.at], { class: event.verdict });
  const assurance = spelled(ASSURANCE_WORDS, said.assurance);
  const times = tell("said", event.recordedAt, said.occurred_at, assurance);
  const item = element("li", [head, verdict, element("p", times, { class: "hint" })]);
  if (Object.keys(said.facts).length) item.append(shownValue(said.facts));
  const names = new Map();
  for (const { path } of event.opened.filter((part) => part.role === "content")) {
    const value = decodeCanonical(await box.read(path, MAX_CONTENT));
    for (const one of (isObject(value) && value.attachments) || []) {
      if (isDescription(one)) names.set(one.n, one.name);
    }
    item.append(shownValue(value));
  }
  for (const { n, path } of event.opened.filter((part) => part.role === "attachment")) {
    item.append(attachmentButton(box, path, names.get(n) ?? path.split("/")[1]));
  }
  return item;
}

function shownValue(value) {
  if (Array.isArray(value)) return element("ul", value.map((one) => element("li", shownValue(one))));
  if (!isObject(value)) return document.createTextNode(value === null ? "-" : String(value));
  const pairs = Object.entries(value).flatMap(([name, one]) => [
    element("dt", name),
    element("dd", shownValue(one)),
  ]);
  return element("dl", pairs);
}

// Always as plain bytes to save: an attachment is never opened as a page of its own.
function attachmentButton(box, path, name) {
  const onclick = () => {
    const member = box.members.get(path);
    const begin = member.offset + 30 + path.length;
    save(box.file.slice(begin, begin + member.size, "application/octet-stream"), name);
  };
  return element("button", tell("save", name), { type: "button", onclick });
}

function saving(report, name) {
  const stem = name.replace(/\.zip$/, "");
  const asText = () => save(new Blob([render(report, page.at)], { type: "text/plain" }), `${stem}.txt`);
  const json = () => JSON.stringify(report, null, 2);
  const asJson = () => save(new Blob([json()], { type: "application/json" }), `${stem}.json`);
  return element("p", [
    element("button", tell("report"), { type: "button", id: "save-text", onclick: asText }),
    " ",
    element("button", tell("json"), { type: "button", id: "save-json", onclick: asJson }),
  ]);
}

function save(blob, name) {
  const href = URL.createObjectURL(blob);
  page.address.push(href);
  element("a", "", { href, download: name }).click();
}

// ---- begin

byId("language").onclick = () => {
  page.at = 1 - page.at;
  translate();
};
byId("form").onsubmit = (event) => {
  event.preventDefault();
  submit();
};
byId("key-file").onchange = async () => {
  const [file] = byId("key-file").files;
  if (file !== undefined && file.size <= MAX_NOTE) byId("key").value = await file.text();
};
document.ondragover = (event) => {
  event.preventDefault();
  byId("drop").className = "over";
};
document.ondragleave = () => (byId("drop").className = "");
document.ondrop = (event) => {
  event.preventDefault();
  byId("drop").className = "";
  if (event.dataTransfer.files.length) byId("bundle").files = event.dataTransfer.files;
};
translate();
// For scripts that check many bundles, and for the tests.
globalThis.liuhen = {
  verify,
  render,
  together,
  togetherLines,
  Policy,
  FACTS,
  EVENT_WORDS,
  ASSURANCE_WORDS,
  sha256,
  crc32,
  toHex,
  fromHex,
  verifyPlainly,
  checkPublicKey,
  verifyToken,
  readPem,
  readers: {
    vkey: (bytes) => readVkey(fromUtf8(bytes)),
    checkpoint: readCheckpoint,
    leaf: readLeaf,
    envelope: (bytes) => readEnvelope(fromUtf8(bytes), STATEMENT_TYPE),
    statement: readStatement,
    receipt: readReceiptPayload,
  },
};
