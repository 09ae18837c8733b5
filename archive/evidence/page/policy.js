// Whom the reader trusts: a verifier key, or the text of a C2SP tlog-policy file.

const MAX_POLICY = 1_000_000;
const NO_QUORUM = "none";

class Policy {
  constructor() {
    this.logs = [];
    this.witnesses = new Map();
    this.groups = new Map();
    this.quorum = null;
  }

  // What stands in the page's field: null where nothing does. Line ends are the system's, not the file's.
  static of(text_) {
    const trimmed = text_.trim();
    if (!trimmed) return null;
    if (/\s/.test(trimmed)) return Policy.parse(`${trimmed.replace(/\r\n?/g, "\n")}\n`);
    const policy = new Policy();
    policy.logs.push(logKey(trimmed));
    policy.quorum = NO_QUORUM;
    return policy;
  }

  // From a file's bytes; those that are no UTF-8 are opaque, and stand as lone surrogates.
  static read(bytes) {
    if (bytes.length > MAX_POLICY) throw new FormatError("policy is too long");
    const characters = /[\xc2-\xf4][\x80-\xbf]{1,3}|[\x80-\xff]/g;
    return Policy.parse(fromLatin1(bytes).replace(characters, opaque));
  }

  static parse(text_) {
    const policy = new Policy();
    if (utf8(text_).length > MAX_POLICY) throw new FormatError("policy is too long");
    if (/[\0-\x08\x0b-\x1f\x7f]/.test(text_)) {
      throw new FormatError("policy with a control character, such as a carriage return");
    }
    if (!text_.endsWith("\n")) throw new FormatError("policy does not end with a newline");
    text_.split("\n").forEach((line, i) => {
      const words = line.split(/[ \t]+/).filter(Boolean);
      if (!words.length || words[0].startsWith("#")) return;
      try {
        policy.line(words);
      } catch (error) {
        if (!(error instanceof EvidenceError)) throw error;
        throw new FormatError(`policy line ${i + 1}: ${error.message}`);
      }
    });
    if (!policy.logs.length) {
      throw new FormatError("policy without a log line: nothing could be trusted");
    }
    if (policy.quorum === null) {
      const message = "policy without a quorum line: write `quorum none` if that is meant";
      throw new FormatError(message);
    }
    return policy;
  }

  line([keyword, ...rest]) {
    if (keyword === "log" && (rest.length === 1 || rest.length === 2)) {
      const key = logKey(rest[0]);
      refuseAgain(key, this.logs);
      this.logs.push(key);
    } else if (keyword === "witness" && (rest.length === 2 || rest.length === 3)) {
      this.witness(rest[0], rest[1]);
    } else if (keyword === "group" && rest.length >= 3) {
      this.group(rest[0], rest[1], rest.slice(2));
    } else if (keyword === "quorum" && rest.length === 1 && this.quorum === null) {
      if (rest[0] !== NO_QUORUM && !this.knows(rest[0])) {
        throw new FormatError("quorum of a name that is not known before");
      }
      this.quorum = rest[0];
    } else {
      throw new FormatError("not understood");
    }
  }

  witness(called, vkey) {
    this.refuseTaken(called);
    const { name, bytes } = soundVkey(vkey);
    // Given as a plain Ed25519 key or as a cosigner's: what counts is a cosignature.
    const type = TYPE_COSIGNATURE;
    const cosigner = { name, bytes, type, hash: keyHash(name, type, bytes) };
    // One key under two names would count twice.
    refuseAgain(cosigner, [...this.witnesses.values()]);
    this.witnesses.set(called, cosigner);
  }

  group(name, threshold, members) {
    this.refuseTaken(name);
    if (new Set(members).size !== members.length) {
      throw new FormatError("a group lists a member once");
    }
    const taken = new Set([...this.groups.values()].flatMap((group) => group.members));
    for (const member of members) {
      if (!this.knows(member)) throw new FormatError("a member that is not known before");
      if (taken.has(member)) {
        throw new FormatError("a member of another group: it counts in one way only");
      }
    }
    const named = new Map([
      ["any", 1],
      ["all", members.length],
    ]);
    if (!named.has(threshold) && !/^[1-9][0-9]{0,5}$/.test(threshold)) {
      throw new FormatError("threshold is any, all, or a number");
    }
    const least = named.get(threshold) ?? Number(threshold);
    if (least > members.length) throw new FormatError("threshold above the number of members");
    this.groups.set(name, { least, members });
  }

  knows(name) {
    return this.witnesses.has(name) || this.groups.has(name);
  }

  refuseTaken(name) {
    if (name === NO_QUORUM || this.knows(name)) throw new FormatError("a name that is taken");
  }

  // The times of the witnesses that cosigned, by their names. SignatureError unless a trusted log of this
  // origin signed, every line of a trusted witness fits, and the quorum is met; its code is the verifier's.
  async check(note, origin) {
    const keys = this.logs.filter((key) => key.name === origin);
    if (!keys.length) {
      throw new SignatureError(`the policy trusts no log named ${origin}`, "policy");
    }
    let signed = false;
    for (const key of keys) signed ||= await isSigned(note, key);
    if (!signed) {
      const message = "checkpoint is not signed by the log key that the policy trusts";
      throw new SignatureError(message, "policy");
    }
    const told = await this.cosigned(note);
    if (!this.met(told.keys())) {
      const counted = `${told.size} of ${this.witnesses.size}, ${this.quorum}`;
      throw new SignatureError(counted, "quorum");
    }
    return told;
  }

  get wantsWitnesses() {
    return this.quorum !== NO_QUORUM;
  }

  // Whether they trust the same by the same names; order and addresses are of no account.
  agreesWith(other) {
    return this.trusted() === other.trusted();
  }

  trusted() {
    const key = ({ name, type, bytes }) => [name, type, toHex(bytes)];
    const sorted = (list) => list.map((item) => JSON.stringify(item)).sort();
    const groups = [...this.groups].map(([name, { least, members }]) => [name, least, sorted(members)]);
    const witnesses = [...this.witnesses].map(([name, vkey]) => [name, ...key(vkey)]);
    return JSON.stringify([sorted(this.logs.map(key)), sorted(witnesses), sorted(groups), this.quorum]);
  }

  async cosigned(note) {
    const told = new Map();
    for (const [name, key] of this.witnesses) {
      if (!note.signatures.some((line) => line.name === key.name && line.hash === key.hash)) continue;
      try {
        told.set(name, await verifyNote(note, key));
      } catch (error) {
        caught(error, () => {
          throw new SignatureError(name, "cosignature");
        });
      }
    }
    return told;
  }

  met(witnesses) {
    const told = new Set(witnesses);
    for (const [name, { least, members }] of this.groups) {
      if (members.filter((member) => told.has(member)).length >= least) told.add(name);
    }
    return this.quorum === NO_QUORUM || told.has(this.quorum);
  }
}

function opaque(bytes) {
  try {
    return fromUtf8(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
  } catch {
    return bytes.replace(/[^]/g, (one) => String.fromCharCode(0xdc00 + one.charCodeAt(0)));
  }
}

function soundVkey(text_) {
  const key = readVkey(text_);
  checkPublicKey(key.bytes); // whose order is small, anybody could sign for
  return key;
}

function logKey(text_) {
  const key = soundVkey(text_);
  if (key.type !== TYPE_ED25519) throw new FormatError("a log key is of type 1");
  return key;
}

function refuseAgain(key, others) {
  if (others.some((other) => sameBytes(key.bytes, other.bytes))) {
    throw new FormatError("the same public key a second time");
  }
}

async function isSigned(note, key) {
  try {
    await verifyNote(note, key);
    return true;
  } catch (error) {
    if (error instanceof SignatureError) return false;
    throw error;
  }
}
