// The contract's names in words, and which of them are alarming.
// @ts-check

/** @type {Record<string, [label: string, tone: string, meaning: string]>} */
const EVENTS = {
  TOKEN_ISSUED: ["Issued", "good", "A session was opened."],
  TOKEN_ROTATED: ["Rotated", "plain", "The refresh token was replaced by its successor."],
  TOKEN_REPLAYED: ["Replayed", "warn", "A replaced token came back inside a window and got the current one."],
  REFRESH_REFUSED: ["Refused", "warn", "A refresh was refused; nothing else changed."],
  REUSE_DETECTED: ["Reuse detected", "alarm", "A replaced token came back and no window covered it."],
  REPLAYED_AFTER_REVOCATION: ["Replayed after end", "warn", "A replaced token came to a session that had been revoked."],
  FORGERY_DETECTED: ["Forgery detected", "alarm", "A token with a right mac that this ledger never issued."],
  TOKEN_REVOKED: ["Revoked", "ended", "The session was ended by decision."],
  TOKEN_EXPIRED: ["Expired", "ended", "The session was ended by time."],
  SESSION_RENAMED: ["Renamed", "plain", "The device got another label."],
  SUBJECT_SUSPENDED: ["Subject suspended", "warn", "Refreshing is refused until reactivation."],
  SUBJECT_REACTIVATED: ["Subject reactivated", "good", "Refreshing is allowed again."],
  SUBJECT_ERASED: ["Subject erased", "ended", "Nothing personal of the subject is kept any more."],
  LEGAL_HOLD_SET: ["Legal hold set", "warn", "Nothing of the subject may be erased."],
  LEGAL_HOLD_RELEASED: ["Legal hold released", "plain", "What is of the subject may be erased again."],
  NOT_BEFORE_SET: ["Boundary set", "ended", "What was opened before it is refused."],
  BULK_REVOCATION_EXECUTED: ["Bulk revocation", "ended", "A step of ending every session that matches."],
  CLIENT_REGISTERED: ["Client registered", "plain", "A client may open sessions."],
  CLIENT_CHANGED: ["Client changed", "plain", "A client's rules or its secret were replaced."],
  SIGNING_KEY_ROTATED: ["Signing key rotated", "plain", "The next key became the current one."],
  AUDIT_READ: ["Audit read", "plain", "Somebody read what is not their own."],
  EXPORT_COMPLETED: ["Export completed", "plain", "A range of the log was exported."],
  PARTITION_ARCHIVED: ["Month archived", "plain", "A month's events were removed after their export."],
};

export const EVENT_TYPES = Object.keys(EVENTS);

/** An unknown name is shown as it is. @param {string} type */
export const eventLabel = (type) => EVENTS[type]?.[0] ?? sentence(type);
/** @param {string} type */
export const eventTone = (type) => EVENTS[type]?.[1] ?? "plain";
/** @param {string} type */
export const eventMeaning = (type) => EVENTS[type]?.[2] ?? "";

/** @type {Record<string, [label: string, tone: string]>} */
const STATUSES = {
  ACTIVE: ["Active", "good"],
  SUSPENDED: ["Suspended", "warn"],
  EXPIRED: ["Expired", "ended"],
  REVOKED: ["Revoked", "ended"],
  ERASED: ["Erased", "ended"],
};

export const SESSION_STATUSES = ["ACTIVE", "SUSPENDED", "EXPIRED", "REVOKED"];

/** @param {string} status */
export const statusLabel = (status) => STATUSES[status]?.[0] ?? sentence(status);
/** @param {string} status */
export const statusTone = (status) => STATUSES[status]?.[1] ?? "plain";

/** @type {Record<string, string>} */
const REASONS = {
  LOGOUT: "signed out",
  SUBJECT: "by its own user from another session",
  ADMIN: "by an administrator",
  REUSE: "reuse of a replaced token",
  LIMIT: "the session limit",
  NOT_BEFORE: "a boundary",
  ERASURE: "its subject was erased",
  IDLE: "idle for too long",
  ABSOLUTE: "the end of its lifetime",
};

/** Why a session ended. @param {string | null | undefined} reason upper or lower case */
export const endLabel = (reason) => (reason ? (REASONS[reason.toUpperCase()] ?? sentence(reason).toLowerCase()) : "");

/** @type {Record<string, string>} */
const DETAILS = {
  late_replay: "the token before the current one, after its windows",
  stale_generation: "an older token",
  budget_exceeded: "inside a window, but too many replays from elsewhere",
  fingerprint: "inside the lost-response window, but another kind of browser",
  concurrent: "inside the grace window",
  lost_response: "inside the lost-response window",
  client_mismatch: "another client's token",
  binding_failed: "the sender's proof failed",
  subject_inactive: "the subject is suspended",
  unrecorded: "no event recorded this secret",
  ahead: "a generation that was never reached",
};

/** A subtype, cause or reason of an event's data. @param {string} name */
export const detailLabel = (name) => DETAILS[name] ?? endLabel(name);

/** What an event's data says, in a line. @param {{ type: string, data: any }} event */
export function eventSummary({ type, data }) {
  switch (type) {
    case "TOKEN_ISSUED":
      return `generation 0${data.transport ? `, by ${data.transport}` : ""}${data.scope?.length ? `, scope ${data.scope.join(" ")}` : ""}`;
    case "TOKEN_ROTATED":
      return `generation ${data.generation}`;
    case "TOKEN_REPLAYED":
      return `token ${data.presented_generation} came back, ${detailLabel(data.cause)}${data.foreign ? ", from elsewhere" : ""}`;
    case "REUSE_DETECTED":
      return `token ${data.presented_generation} came back at generation ${data.generation}: ${detailLabel(data.subtype)}${data.enforced === false ? " (shadow mode: reported only)" : ""}`;
    case "REPLAYED_AFTER_REVOCATION":
      return `token ${data.presented_generation}`;
    case "FORGERY_DETECTED":
      return `generation ${data.presented_generation}: ${detailLabel(data.subtype)}`;
    case "REFRESH_REFUSED":
    case "TOKEN_REVOKED":
      return detailLabel(data.reason ?? "");
    case "TOKEN_EXPIRED":
      return detailLabel(data.kind ?? "");
    case "BULK_REVOCATION_EXECUTED":
      return `${data.revoked} of ${data.matched} ended`;
    case "AUDIT_READ":
      return (data.fields ?? []).join(", ");
    case "SIGNING_KEY_ROTATED":
      return `${data.kind} key ${data.key_id}`;
    case "PARTITION_ARCHIVED":
      return `${data.month}, ${data.events} events`;
    case "EXPORT_COMPLETED":
      return `${data.count} leaves from ${data.first_index}`;
    default:
      return "";
  }
}

/** @param {string} name as SOME_NAME */
function sentence(name) {
  const words = name.toLowerCase().replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
