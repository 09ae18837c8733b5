// The key register: which key may sign what, and at which leaf index.

const REGISTER_KIND = "key-register";
const REGISTER_EVENTS = ["key-registered", "key-revoked", "signoff-key-registered"];
const VOUCHES = {
  intake: ["session", "api-key", "system"],
  own: ["own-key"],
  passkey: ["passkey"],
  personal: ["personal-key"],
};

const registerRecord = (origin) =>
  toHex(sha256(utf8(`liuhen/v1/key-register\n${origin}`)).subarray(0, 16));

class KeyRegister {
  constructor(origin) {
    this.record = registerRecord(origin);
    this.entries = new Map();
    this.last = null; // what `undo` puts back
  }

  // Take in one register event, or leave everything as it was.
  apply(index, said) {
    this.last = null;
    if (said.record !== this.record || said.kind !== REGISTER_KIND) {
      throw new FormatError("not an event of this archive's key register", "register-foreign");
    }
    if (said.assurance !== "system" || said.parts.length) {
      const message = "a register event is of assurance system and has no parts";
      throw new FormatError(message, "register-form");
    }
    if (said.type === "key-registered") this.register(index, said);
    else if (said.type === "signoff-key-registered") this.registerSignoff(index, said);
    else if (said.type === "key-revoked") {
      const entry = this.entries.get(said.facts.key);
      if (entry === undefined || entry.revoked !== null) {
        const message = "revocation of a key that is not registered, or no longer";
        throw new FormatError(message, "key-not-valid");
      }
      this.put(said.facts.key, { ...entry, revoked: index });
    } else {
      throw new FormatError(`${said.type} has no place in the key register`, "register-form");
    }
  }

  register(index, said) {
    const { key: name, use, owner } = said.facts;
    checkSound(this.newKey(said));
    if ((use === "own") !== (owner !== null)) {
      throw new FormatError("an own key has an owner, and only an own key", "key-owner");
    }
    // At leaf 0 only, so that nobody can grow a second register further on and show only that.
    const itself = said.key === name;
    if (itself !== (index === 0) || (itself && use !== "log")) {
      const message = "leaf 0, and no other, registers the log key that signs it";
      throw new KeyRefused(message, "key-itself");
    }
    this.put(name, { use, owner, registered: index, revoked: null });
  }

  // A person's key to sign off with: a passkey, which has a site, or a personal key.
  registerSignoff(index, said) {
    const { key: name, alg, rp, owner, approved } = said.facts;
    const bytes = this.newKey(said);
    if ((alg === "Ed25519") !== (rp === null)) {
      throw new KeyRefused("a passkey has an rp id, and only a passkey", "key-form");
    }
    if (rp !== null) checkPasskey(alg, bytes);
    else if (bytes.length !== 32) {
      throw new KeyRefused("the key's length does not fit its algorithm", "key-form");
    } else checkSound(bytes);
    this.checkApproval(index, approved, owner);
    const use = rp === null ? "personal" : "passkey";
    this.put(name, { use, owner, registered: index, revoked: null, alg, rp, bytes });
  }

  newKey(said) {
    const bytes = fromBase64(said.facts.public);
    if (toHex(sha256(bytes)) !== said.facts.key) {
      throw new KeyRefused("key id does not fit its public bytes", "key-id");
    }
    if (this.entries.has(said.facts.key)) {
      const message = "key is registered already; a revoked key never comes back";
      throw new KeyRefused(message, "key-again");
    }
    return bytes;
  }

  // What is said to have let a key in is a key of the same person, then valid.
  checkApproval(index, { by, how }, owner) {
    if ((how === "key") !== (by !== null)) {
      throw new FormatError("an approval names a key exactly if one approved", "key-approval");
    }
    if (by === null) return;
    let entry;
    try {
      entry = this.entryAt(by, index);
    } catch (error) {
      throw new KeyRefused(error.message, "key-approval");
    }
    if (!["passkey", "personal"].includes(entry.use) || entry.owner !== owner) {
      throw new KeyRefused("approved by a key that is not the person's", "key-approval");
    }
  }

  put(name, entry) {
    this.last = [name, this.entries.get(name)];
    this.entries.set(name, entry);
  }

  // Take back what the last `apply` did, if anything.
  undo() {
    if (this.last === null) return;
    const [name, before] = this.last;
    this.last = null;
    if (before === undefined) this.entries.delete(name);
    else this.entries.set(name, before);
  }

  // The entry of the statement's key; KeyRefused unless it may vouch at this leaf index for what is said.
  signerOf(said, index) {
    const entry = this.entryAt(said.key, index);
    if ((entry.use === "log") !== (said.record === this.record)) {
      const message = "a log key signs the key register, and nothing else does";
      throw new KeyRefused(message, "key-use");
    }
    if (entry.use !== "log" && !VOUCHES[entry.use].includes(said.assurance)) {
      const message = `a key for ${entry.use} cannot vouch for ${said.assurance}`;
      throw new KeyRefused(message, "key-assurance");
    }
    if (entry.owner !== null && entry.owner !== said.actor) {
      throw new KeyRefused("signed with somebody else's own key", "key-other-owner");
    }
    return entry;
  }

  // `index` a number or a BigInt.
  entryAt(name, index, use = null) {
    const entry = this.entries.get(name);
    const short = name.slice(0, 16);
    if (entry === undefined || index < entry.registered) {
      const message = `key ${short} is not registered at leaf ${index}`;
      throw new KeyRefused(message, "key-unregistered");
    }
    if (entry.revoked !== null && index >= entry.revoked) {
      throw new KeyRefused(`key ${short} was revoked at leaf ${entry.revoked}`, "key-revoked");
    }
    if (use !== null && entry.use !== use) {
      throw new KeyRefused(`key ${short} is for ${entry.use}, not for ${use}`, "key-use");
    }
    return entry;
  }
}

function checkSound(bytes) {
  try {
    checkPublicKey(bytes);
  } catch (error) {
    throw new KeyRefused(error.message, "key-unsound");
  }
}
