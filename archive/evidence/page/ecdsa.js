// ECDSA on P-256 and P-384 (FIPS 186-5): the check of a key; verification is WebCrypto's.

// y^2 = x^3 - 3x + b over the integers modulo q (SP 800-186); n: order of the base point.
const P256 = {
  name: "P-256",
  size: 32,
  q: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
};
const P384 = {
  name: "P-384",
  size: 48,
  q: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
};
const number = (bytes) => BigInt(`0x${toHex(bytes) || 0}`);

// Whether the bytes 0x04 || x || y are a point of the curve.
function isPoint({ size, q, b }, bytes) {
  if (bytes.length !== 1 + 2 * size || bytes[0] !== 4) return false;
  const [x, y] = [number(bytes.subarray(1, 1 + size)), number(bytes.subarray(1 + size))];
  return x < q && y < q && (y * y - (x * x * x - 3n * x + b)) % q === 0n;
}

// r || s of a signature in DER, both between 0 and the order; FormatError.
function readEcdsa({ size, n }, der) {
  const fields = new Fields(readDer(der));
  const found = [fields.take(INTEGER).integer(), fields.take(INTEGER).integer()];
  fields.end();
  if (found.some((value) => value <= 0n || value >= n)) {
    throw new MalformedDer("a signature out of its bounds");
  }
  return fromHex(found.map((value) => value.toString(16).padStart(2 * size, "0")).join(""));
}

// `signature`: r || s; `hash` as WebCrypto names it.
async function verifyEcdsa(curve, bytes, signature, message, hash = "SHA-256") {
  const algorithm = { name: "ECDSA", namedCurve: curve.name, hash };
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["verify"]);
  return crypto.subtle.verify(algorithm, key, signature, message);
}
