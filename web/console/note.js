// Signed notes and verifier keys (C2SP signed-note), and the checkpoint that a note holds (C2SP tlog-checkpoint).
// @ts-check
import { toHex } from "./merkle.js";

const ED25519 = 1;

/** Whether nothing but what it stands for can be in a text of base64. @param {string} text @returns {Bytes} */
function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  if (btoa(String.fromCharCode(...bytes)) !== text) throw new Error("it is not base64 in its one spelling");
  return bytes;
}

/**
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 * @typedef {{ text: string, origin: string, size: number, root: string, signatures: { name: string, keyId: string, signature: Bytes }[] }} Note
 */

/** @param {string} note @returns {Note} the root in hex @throws {Error} it is no checkpoint */
export function parseCheckpoint(note) {
  const end = note.lastIndexOf("\n\n");
  if (end < 0) throw new Error("the note has no empty line before its signatures");
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  if (!origin || !/^(?:0|[1-9][0-9]*)$/.test(size ?? "") || !root) throw new Error("the note holds no checkpoint");
  const signatures = note
    .slice(end + 2)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const found = /^\u2014 (\S+) (\S+)$/.exec(line);
      if (!found) throw new Error("a line below the note's text is no signature");
      const bytes = fromBase64(found[2]);
      return { name: found[1], keyId: toHex(bytes.slice(0, 4)), signature: bytes.slice(4) };
    });
  return { text, origin, size: Number(size), root: toHex(fromBase64(root)), signatures };
}

/** @typedef {{ name: string, keyId: string, publicKey: Bytes }} Verifier */

/**
 * Read a verifier key as `token-ledger keys list` prints it; the words before it may be pasted too.
 * @param {string} pasted @returns {Promise<Verifier>} @throws {Error} it is none: the message says why
 */
export async function parseVerifierKey(pasted) {
  const text = pasted.trim().split(/\s+/).at(-1) ?? "";
  const found = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text);
  if (!found) throw new Error("a verifier key reads <name>+<key id>+<base64>");
  let key;
  try {
    key = fromBase64(found[3]);
  } catch {
    throw new Error("the last part of the verifier key is not base64");
  }
  if (key[0] !== ED25519 || key.length !== 33) throw new Error("the verifier key is not one of Ed25519");
  const named = new Uint8Array([...new TextEncoder().encode(`${found[1]}\n`), ...key]);
  const id = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", named)).slice(0, 4));
  if (id !== found[2]) throw new Error("the verifier key's id does not belong to its name and key: a character may be missing");
  return { name: found[1], keyId: id, publicKey: key.slice(1) };
}

/**
 * @param {Note} note @param {Verifier} verifier
 * @returns {Promise<"good" | "bad" | "not by this key" | "unknown here">} `unknown here`: the browser knows no Ed25519
 */
export async function checkSignature(note, verifier) {
  const own = note.signatures.filter((one) => one.name === verifier.name && one.keyId === verifier.keyId);
  if (own.length === 0) return "not by this key";
  let key;
  try {
    key = await crypto.subtle.importKey("raw", verifier.publicKey, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return "unknown here";
  }
  for (const { signature } of own) {
    const good = await crypto.subtle.verify({ name: "Ed25519" }, key, signature, new TextEncoder().encode(note.text));
    if (!good) return "bad";
  }
  return "good";
}
