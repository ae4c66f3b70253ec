// The views: their places in the address, what they are called, and the scope that each needs.
// @ts-check
import { Alarms } from "./alarms.js";
import { EventView } from "./event.js";
import { Events } from "./events.js";
import { Live } from "./live.js";
import { Log } from "./log.js";
import { Me } from "./me.js";
import { Overview } from "./overview.js";
import { Revoke } from "./revoke.js";
import { SessionView } from "./session.js";
import { Sessions } from "./sessions.js";
import { SubjectView } from "./subject.js";
import { ADMIN, AUDIT } from "../scopes.js";

/**
 * @typedef {object} View
 * @property {string} path
 * @property {string | null} title in the navigation; null: it is reached from others
 * @property {string[]} scopes any of them is enough; none: everybody who is signed in
 * @property {any} component
 * @property {boolean} [ownSession] for a person alone
 */

/** @type {View[]} */
export const VIEWS = [
  { path: "", title: "Overview", scopes: [AUDIT], component: Overview },
  { path: "live", title: "Live events", scopes: [AUDIT], component: Live },
  { path: "alarms", title: "Reuse alarms", scopes: [AUDIT], component: Alarms },
  { path: "sessions", title: "Sessions", scopes: [AUDIT], component: Sessions },
  { path: "events", title: "Event log", scopes: [AUDIT], component: Events },
  { path: "subject", title: "Subject", scopes: [AUDIT], component: SubjectView },
  { path: "revoke", title: "Bulk revocation", scopes: [ADMIN], component: Revoke },
  { path: "log", title: "Checkpoint and proof", scopes: [], component: Log },
  { path: "session", title: null, scopes: [], component: SessionView },
  { path: "event", title: null, scopes: [], component: EventView },
  { path: "me", title: "My sessions", scopes: [], component: Me, ownSession: true },
];

/** Whether a view shows anything to somebody. @param {View} view @param {import("../identity.js").Identity} identity */
export function isFor(view, identity) {
  if (view.ownSession && identity.kind !== "session") return false;
  return view.scopes.length === 0 || view.scopes.some((scope) => identity.scopes.has(scope));
}

/** Where somebody begins. @param {import("../identity.js").Identity} identity */
export const startOf = (identity) =>
  VIEWS.find((view) => view.title && isFor(view, identity) && (view.scopes.length > 0 || view.ownSession)) ??
  /** @type {View} */ (VIEWS.find((view) => view.path === "log"));
