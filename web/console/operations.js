// Every GraphQL operation of the console.
// @ts-check

const SESSION = `
fragment SessionParts on Session {
  id subject clientId status isCurrent generation deviceLabel ipAddress userAgent
  createdAt lastUsedAt idleExpiresAt absoluteExpiresAt endedAt endedReason
}`;
const SNAPSHOT = `
fragment SnapshotParts on SessionSnapshot {
  time sessionId subject clientId status generation deviceLabel ipAddress userAgent
  createdAt lastUsedAt idleExpiresAt absoluteExpiresAt
}`;
const EVENT = `
fragment EventParts on Event {
  id type sessionId version logIndex occurredAt actor clientId subject ipAddress userAgent reason erased data
}`;
const PAGE = "pageInfo { hasNextPage endCursor }";
const PROBLEM = "... on RequestProblem { code message requestId }";

export const SUMMARY = `
query Summary($since: DateTime!, $interval: SummaryInterval!) {
  securitySummary(since: $since) {
    activeSessions issued rotated replayed reuseDetected revoked expired
    series(interval: $interval) { start issued rotated replayed reuseDetected revoked expired }
  }
}`;

export const EVENTS = `
query Events($filter: EventFilter, $order: EventOrder!, $first: Int!, $after: Cursor) {
  events(filter: $filter, order: $order, first: $first, after: $after) { edges { node { ...EventParts } } ${PAGE} }
}${EVENT}`;

export const LIVE = `
subscription Live($filter: EventFilter, $after: Cursor) {
  events(filter: $filter, after: $after) { cursor node { ...EventParts } }
}${EVENT}`;

/**
 * For each alarm the rotations of its session about the moment when the token that came back was replaced.
 * @param {number} count
 */
export function redemptions(count) {
  const numbers = Array.from({ length: count }, (_, number) => number);
  const variables = numbers.map((number) => `$filter${number}: EventFilter`).join(", ");
  const fields = numbers.map(
    (number) => `at${number}: events(filter: $filter${number}, order: NEWEST_FIRST, first: 20) { edges { node { ...Redeemed } } }`,
  );
  return `query Redemptions(${variables}) { ${fields.join("\n")} }
fragment Redeemed on Event { id type occurredAt ipAddress userAgent erased data }`;
}

export const SESSIONS = `
query Sessions($filter: SessionFilter, $first: Int!, $after: Cursor) {
  sessions(filter: $filter, first: $first, after: $after) { edges { node { ...SessionParts } } ${PAGE} }
}${SESSION}`;

export const SESSIONS_AS_OF = `
query SessionsAsOf($time: DateTime!, $filter: SessionFilter, $first: Int!, $after: Cursor) {
  sessionsAsOf(time: $time, filter: $filter, first: $first, after: $after) { edges { node { ...SnapshotParts } } ${PAGE} }
}${SNAPSHOT}`;

export const SESSION_BY_ID = `
query Session($id: ID!) { session(id: $id) { ...SessionParts } }${SESSION}`;

export const SESSION_AS_OF = `
query SessionAsOf($id: ID!, $time: DateTime!) { sessionAsOf(id: $id, time: $time) { ...SnapshotParts } }${SNAPSHOT}`;

export const SESSION_EVENTS = `
query SessionEvents($id: ID!, $first: Int!, $after: Cursor) {
  session(id: $id) { events(first: $first, after: $after) { edges { node { ...EventParts } } ${PAGE} } }
}${EVENT}`;

export const SUBJECT = `
query Subject($id: ID!) { subject(id: $id) { id status notBefore legalHold } }`;

export const SUBJECT_SESSIONS = `
query SubjectSessions($id: ID!, $status: SessionStatus, $first: Int!, $after: Cursor) {
  subject(id: $id) { sessions(status: $status, first: $first, after: $after) { edges { node { ...SessionParts } } ${PAGE} } }
}${SESSION}`;

export const EVENT_BY_ID = `
query Event($id: ID!) { node(id: $id) { __typename ... on Event { ...EventParts recordedAt correlationId leaf leafHash } } }${EVENT}`;

export const CHECKPOINT = `
query Checkpoint { checkpoint { origin treeSize rootHash signedAt note } }`;

export const PROOF = `
query Proof($id: ID!) {
  node(id: $id) { __typename ... on Event { id type logIndex leaf leafHash } }
  inclusionProof(eventId: $id) {
    leafIndex treeSize leafHash hashes checkpoint { origin treeSize rootHash signedAt note }
  }
}`;

export const ME = `
query Me($first: Int!, $after: Cursor) {
  me { id status sessions(status: ACTIVE, first: $first, after: $after) { edges { node { ...SessionParts } } ${PAGE} } }
}${SESSION}`;

export const RENAME = `
mutation Rename($id: ID!, $deviceLabel: String!) {
  renameSession(id: $id, deviceLabel: $deviceLabel) { __typename ... on Session { ...SessionParts } ${PROBLEM} }
}${SESSION}`;

export const REVOKE = `
mutation Revoke($id: ID!, $reason: String) {
  revokeSession(id: $id, reason: $reason) { __typename ... on Session { ...SessionParts } ${PROBLEM} }
}${SESSION}`;

export const REVOKE_ALL = `
mutation RevokeAll($filter: SessionFilter!, $reason: String!, $dryRun: Boolean!, $expectAtMost: Int) {
  revokeSessions(filter: $filter, reason: $reason, dryRun: $dryRun, expectAtMost: $expectAtMost) {
    __typename ... on BulkRevocation { matched revoked remaining dryRun sample { ...SessionParts } } ${PROBLEM}
  }
}${SESSION}`;

const SUBJECT_RESULT = `{ __typename ... on Subject { id status notBefore legalHold } ${PROBLEM} }`;
export const SUSPEND = `
mutation Suspend($subject: ID!, $reason: String!) { done: suspendSubject(subject: $subject, reason: $reason) ${SUBJECT_RESULT} }`;
export const REACTIVATE = `
mutation Reactivate($subject: ID!, $reason: String) { done: reactivateSubject(subject: $subject, reason: $reason) ${SUBJECT_RESULT} }`;
export const ERASE = `
mutation Erase($subject: ID!, $reason: String!) { done: eraseSubject(subject: $subject, reason: $reason) ${SUBJECT_RESULT} }`;
export const HOLD = `
mutation Hold($subject: ID!, $held: Boolean!, $reason: String!) {
  done: setLegalHold(subject: $subject, held: $held, reason: $reason) ${SUBJECT_RESULT}
}`;
