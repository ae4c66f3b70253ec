// The whole proof that an event is in the log: every step, and what came of it.
// @ts-check
import { climb, leafHash, toHex } from "./merkle.js";
import { checkSignature, parseCheckpoint, parseVerifierKey } from "./note.js";

/**
 * @typedef {object} ProofStep
 * @property {boolean | null} good null: not checked
 * @property {string} text
 * @property {string} [hash]
 * @property {import("./merkle.js").Step[]} [climbed]
 */

/** @typedef {{ included: boolean, signature: "good" | "bad" | "not by this key" | "unchecked" | "unknown here", steps: ProofStep[] }} Verified */

/**
 * @param {{ id: string, leaf: string, event: { type: string, leafHash: string, logIndex: number | null }, proof: any, verifierKey: string }} given
 *   `id` of the event that was asked for; `proof` as the contract's InclusionProof; an empty key: the signature is not checked
 * @returns {Promise<Verified>}
 */
export async function verifyProof({ id, leaf, event, proof, verifierKey }) {
  /** @type {ProofStep[]} */
  const steps = [];
  const say = (/** @type {boolean | null} */ good, /** @type {string} */ text, /** @type {Partial<ProofStep>} */ more = {}) => {
    steps.push({ good, text, ...more });
    return good === true;
  };
  const told = read(leaf);
  const asked = say(told !== null && told.id === id && told.type === event.type,
    told === null ? "The leaf cannot be read as an event."
      : told.id !== id ? `The leaf is not the event that was asked for: it is ${told.id}.`
      : told.type !== event.type ? `The leaf is not of the type that the server tells: it says ${told.type}.`
      : "The leaf says that it is this event, of this type.");
  const bytes = new TextEncoder().encode(leaf).length;
  const hash = await leafHash(leaf);
  const hex = toHex(hash);
  const fits = hex === event.leafHash && hex === proof.leafHash;
  const own = say(fits,
    fits ? `SHA-256 of 0x00 and the ${bytes.toLocaleString("en")} bytes of the leaf is the hash that the server tells.`
      : "The hash of the leaf is not the one that the server tells.", { hash: hex });
  const { checkpoint } = proof;
  let rooted = false;
  try {
    const climbed = await climb(hash, { index: proof.leafIndex, size: proof.treeSize, hashes: proof.hashes });
    say(true, `Climbed from leaf ${proof.leafIndex.toLocaleString("en")} of ${proof.treeSize.toLocaleString("en")} to a root.`, { climbed: climbed.steps });
    rooted = say(climbed.root === checkpoint.rootHash && proof.treeSize === checkpoint.treeSize && proof.leafIndex === event.logIndex,
      climbed.root !== checkpoint.rootHash ? "The root that was computed is not the checkpoint's root."
        : proof.treeSize !== checkpoint.treeSize ? "The proof is of a tree of another size than the checkpoint's."
        : proof.leafIndex !== event.logIndex ? "The proof is of another place in the log than the server tells."
        : "The root that was computed is the checkpoint's root.", { hash: climbed.root });
  } catch (error) {
    say(false, `The proof cannot be one: ${/** @type {Error} */ (error).message}.`);
  }
  let note = null;
  let noted = false;
  try {
    note = parseCheckpoint(checkpoint.note);
    const same = note.size === checkpoint.treeSize && note.root === checkpoint.rootHash;
    noted = say(same && note.origin === checkpoint.origin,
      !same ? "The signed note says another size or root."
        : note.origin !== checkpoint.origin ? `The signed note is of another log: ${note.origin}.`
        : `The signed note of ${note.origin} says the same size and root.`);
  } catch (error) {
    say(false, `The note cannot be read: ${/** @type {Error} */ (error).message}.`);
  }
  return { included: asked && own && rooted && noted, signature: await signed(note, verifierKey.trim(), say), steps };
}

/**
 * @param {import("./note.js").Note | null} note @param {string} key
 * @param {(good: boolean | null, text: string) => boolean} say
 * @returns {Promise<Verified["signature"]>}
 */
async function signed(note, key, say) {
  if (note === null || key === "") {
    say(null, "The signature was not checked: no verifier key is given.");
    return "unchecked";
  }
  let verifier;
  try {
    verifier = await parseVerifierKey(key);
  } catch (error) {
    say(null, `The signature was not checked: ${/** @type {Error} */ (error).message}.`);
    return "unchecked";
  }
  const outcome = await checkSignature(note, verifier);
  switch (outcome) {
    case "good":
      say(true, `The note is signed by ${verifier.name} with the key ${verifier.keyId} (Ed25519).`);
      return "good";
    case "bad":
      say(false, `The signature by ${verifier.name} does not fit the note.`);
      return "bad";
    case "not by this key":
      say(false, `The note has no signature by ${verifier.name} with the key ${verifier.keyId}.`);
      return "not by this key";
    default:
      say(null, "The signature was not checked: this browser knows no Ed25519.");
      return "unknown here";
  }
}

/**
 * Which event a leaf says that it is; null: it says none.
 * @param {string} leaf @returns {{ id: string, type: string } | null} the type in the contract's case
 */
function read(leaf) {
  try {
    const { stream, version, type } = JSON.parse(leaf);
    return { id: `${stream}:${version}`, type: type.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase() };
  } catch {
    return null;
  }
}
