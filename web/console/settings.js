// What a person chose on this device: colours, time zone, the log's verifier key. Nothing secret.
// @ts-check

const PREFIX = "token-ledger.";

/** @param {string} name @returns {string | null} null: nothing was chosen, or storage is forbidden */
export function setting(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string | null} value null: forget it */
export function keepSetting(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // It holds until the page is left, then.
  }
}
