// RFC 6962 hashing, and inclusion proofs as RFC 9162 2.1.3.2 verifies them.

const LEAF_MARK = new Uint8Array([0]);
const NODE_MARK = new Uint8Array([1]);
const leafHash = (data) => sha256(LEAF_MARK, data);
const EMPTY_ROOT = sha256();

// `index` a number, `size` a BigInt: a checkpoint's may be beyond 2^53.
function verifyInclusion(index, size, hash, proof, root) {
  let position = BigInt(index);
  if (position >= size) throw new ProofError(`no leaf ${index} in a tree of ${size}`);
  let last = size - 1n;
  for (const sibling of proof) {
    if (last === 0n) throw new ProofError("inclusion proof is too long");
    if (position & 1n || position === last) {
      hash = sha256(NODE_MARK, sibling, hash);
      while (!(position & 1n) && position) {
        position >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = sha256(NODE_MARK, hash, sibling);
    }
    position >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw new ProofError("inclusion proof is too short");
  if (!sameBytes(hash, root)) {
    throw new ProofError(`leaf ${index} is not in the tree of ${size} with this root`);
  }
}
