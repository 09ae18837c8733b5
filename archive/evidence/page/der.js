// DER (X.690) as far as timestamps need it: one spelling of each element in hostile bytes.

const [BOOLEAN, INTEGER, BITS, OCTETS, NULL, OBJECT] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06];
const [SEQUENCE, SET, UTC_TIME, GENERALIZED_TIME] = [0x30, 0x31, 0x17, 0x18];
const [CONTEXT_0, CONTEXT_1, CONTEXT_3] = [0xa0, 0xa1, 0xa3];
const LONGEST_NAME = 64; // bytes of an object identifier
const DIGITS = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,17}[1-9]))?Z$/;

class MalformedDer extends FormatError {}

class DerElement {
  constructor(data, start, body, end) {
    Object.assign(this, { data, start, body, end, tag: data[start] });
  }

  get whole() {
    return this.data.subarray(this.start, this.end);
  }

  get contents() {
    return this.data.subarray(this.body, this.end);
  }

  parts() {
    const found = [];
    for (let at = this.body; at < this.end; at = found.at(-1).end) {
      found.push(elementAt(this.data, at, this.end));
    }
    return found;
  }

  // Its parts, all of which have this tag.
  each(tag) {
    const found = this.parts();
    if (found.some((part) => part.tag !== tag)) {
      throw new MalformedDer("something in it that does not belong there");
    }
    return found;
  }

  // The one part there is, which has this tag.
  only(tag) {
    const fields = new Fields(this);
    const found = fields.take(tag);
    fields.end();
    return found;
  }

  // A BigInt.
  integer() {
    const body = this.contents;
    const isLong = body.length > 1 && (body[0] === 0 || body[0] === 255);
    if (!body.length || (isLong && (body[0] ^ body[1]) < 0x80)) {
      throw new MalformedDer("an integer that is not in its shortest form");
    }
    return BigInt.asIntN(8 * body.length, number(body));
  }

  // An object identifier, as `1.2.840`.
  name() {
    const arcs = [];
    let arc = 0n;
    for (const byte of this.contents) {
      if (arc === 0n && byte === 0x80) {
        throw new MalformedDer("an object identifier that is not in its shortest form");
      }
      arc = (arc << 7n) | BigInt(byte & 0x7f);
      if (byte >= 0x80) continue;
      arcs.push(arc);
      arc = 0n;
    }
    if (!arcs.length || arc || this.contents.length > LONGEST_NAME) {
      throw new MalformedDer("an object identifier that is cut off, or too long");
    }
    const first = arcs[0] >= 80n ? 2n : arcs[0] / 40n;
    return [first, arcs[0] - 40n * first, ...arcs.slice(1)].join(".");
  }

  // Of a bit string: the bytes, of which no bit is unused.
  bits() {
    const [unused] = this.contents;
    if (unused !== 0) throw new MalformedDer("a bit string that is not of whole bytes");
    return this.contents.subarray(1);
  }

  // As canonical text; what is beyond microseconds is left out.
  time() {
    let digits = fromLatin1(this.contents);
    if (this.tag === UTC_TIME) digits = (digits < "5" ? "20" : "19") + digits; // RFC 5280, 4.1.2.5.1
    const match = DIGITS.exec(digits);
    if (match === null || (match[7] && this.tag === UTC_TIME)) throw new MalformedDer("not a time in UTC");
    const [, year, month, day, hour, minute, second, fraction = ""] = match;
    const parts = fraction.slice(0, 6).padEnd(6, "0");
    return checkTime(`${year}-${month}-${day}T${hour}:${minute}:${second}.${parts}Z`);
  }
}

// The parts of an element, taken one after another.
class Fields {
  constructor(element) {
    this.left = element.parts().reverse();
  }

  any() {
    if (!this.left.length) throw new MalformedDer("something that belongs into it is missing");
    return this.left.pop();
  }

  take(...tags) {
    const found = this.any();
    if (!tags.includes(found.tag)) {
      throw new MalformedDer("something that belongs into it is missing, or in another place");
    }
    return found;
  }

  maybe(tag) {
    return this.left.at(-1)?.tag === tag ? this.left.pop() : null;
  }

  end() {
    if (this.left.length) throw new MalformedDer("something is left over");
  }
}

// The one element that `data` is, with nothing after it.
function readDer(data, tag = SEQUENCE) {
  const found = elementAt(data, 0, data.length);
  if (found.tag !== tag || found.end !== data.length) {
    throw new MalformedDer("not the ASN.1 element that was expected, or more than one");
  }
  return found;
}

// The element that begins at `start`, its length in the shortest form, its tag of one byte.
function elementAt(data, start, stop) {
  if (start + 2 > stop || (data[start] & 0x1f) === 0x1f) throw new MalformedDer("no ASN.1 element");
  let size = data[start + 1];
  let at = start + 2;
  if (size & 0x80) {
    const wide = size & 0x7f;
    if (wide < 1 || wide > 4 || at + wide > stop) throw new MalformedDer("no length that can be read");
    size = data.subarray(at, at + wide).reduce((value, byte) => value * 256 + byte, 0);
    at += wide;
    if (size < 0x80 || size < 256 ** (wide - 1)) {
      throw new MalformedDer("a length that is not in its shortest form");
    }
  }
  if (at + size > stop) throw new MalformedDer("it is cut off");
  return new DerElement(data, start, at, at + size);
}
