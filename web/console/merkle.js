// The log's tree (RFC 9162 section 2.1), as far as the proof that a leaf is in it needs.
// @ts-check

/** Whether this page may hash: browsers allow it over https and on loopback. */
export const canHash = () => globalThis.crypto?.subtle !== undefined;

/** @param {Uint8Array} bytes */
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {string} hex @returns {Uint8Array} @throws {Error} it is not the hex of whole bytes */
export function fromHex(hex) {
  if (!/^(?:[0-9a-f]{2})*$/i.test(hex)) throw new Error("a hash is not written in hex");
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** @param {Uint8Array[]} parts */
async function sha256(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined));
}

/** SHA-256(0x00 | leaf). @param {string} leaf the text, hashed as UTF-8 */
export const leafHash = (leaf) => sha256(Uint8Array.of(0), new TextEncoder().encode(leaf));

/** SHA-256(0x01 | left | right). @param {Uint8Array} left @param {Uint8Array} right */
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/**
 * @typedef {{ sibling: string, side: "left" | "right", result: string }} Step
 * One level: where the sibling stands, and the hash of both in hex.
 */

/**
 * Climb from a leaf to the root that its proof leads to (RFC 9162 section 2.1.3.2).
 * @param {Uint8Array} leaf its hash
 * @param {{ index: number, size: number, hashes: string[] }} proof
 * @returns {Promise<{ steps: Step[], root: string }>}
 * @throws {Error} the proof cannot be one: the message says why
 */
export async function climb(leaf, { index, size, hashes }) {
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(size) && 0 <= index && index < size)) {
    throw new Error(`a tree of ${size} leaves has no leaf ${index}`);
  }
  // Numbers of 53 bits: halved by division, as the shifts of the language cut off at 32.
  let number = index;
  let last = size - 1;
  let computed = leaf;
  const steps = [];
  for (const hex of hashes) {
    const sibling = fromHex(hex);
    if (sibling.length !== 32) throw new Error("a hash of the proof is not 32 bytes long");
    if (last === 0) throw new Error("the proof has too many hashes");
    const onLeft = number % 2 === 1 || number === last;
    computed = onLeft ? await nodeHash(sibling, computed) : await nodeHash(computed, sibling);
    if (onLeft) {
      while (number !== 0 && number % 2 === 0) {
        number = Math.floor(number / 2);
        last = Math.floor(last / 2);
      }
    }
    steps.push({ sibling: hex, side: /** @type {"left" | "right"} */ (onLeft ? "left" : "right"), result: toHex(computed) });
    number = Math.floor(number / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw new Error("the proof has too few hashes");
  return { steps, root: toHex(computed) };
}
