// Reading in components: loading, data, errors that pass by themselves, and pages that follow one another.
// @ts-check
import { useCallback, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { useApp } from "./app-context.js";
import { ApiError } from "./graphql.js";

/** A page that found nothing goes on by itself so many times. */
const EMPTY_PAGES = 8;

/**
 * @typedef {{ data: any, error: ApiError | null, loading: boolean, reload: () => void }} Asked
 * `data` stays while it is read again.
 */

/**
 * Read whenever the query or its variables change.
 * @param {string | null} query null: not yet
 * @param {object} [variables]
 * @returns {Asked}
 */
export function useAsked(query, variables = {}) {
  const { ask, signedOut } = useApp();
  const [state, setState] = useState(/** @type {any} */ ({ key: "", data: null, error: null, loading: query !== null }));
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify([query, variables]);
  useEffect(() => {
    if (query === null) return undefined;
    const stop = new AbortController();
    setState((/** @type {any} */ before) => ({ key, data: before.key === key ? before.data : null, error: null, loading: true }));
    ask(query, variables, { signal: stop.signal }).then(
      (data) => !stop.signal.aborted && setState({ key, data, error: null, loading: false }),
      (error) => {
        if (stop.signal.aborted) return;
        if (error.kind === "unauthenticated") signedOut(error.message);
        setState((/** @type {any} */ before) => ({ ...before, key, error: asApiError(error), loading: false }));
      },
    );
    return () => stop.abort();
  }, [key, turn, ask]);
  const reload = useCallback(() => setTurn((number) => number + 1), []);
  const current = state.key === key;
  return { data: current ? state.data : null, error: current ? state.error : null, loading: current ? state.loading : query !== null, reload };
}

/**
 * @typedef {object} Pages
 * @property {any[]} rows
 * @property {boolean} hasMore
 * @property {boolean} loading
 * @property {ApiError | null} error
 * @property {() => void} more the next page; after an error the same again
 * @property {() => void} reload from the first page on
 * @property {(change: (row: any) => any) => void} change each row, as it is after an act
 */

/**
 * Read page after page of a connection. A page may be short or empty while there is more.
 * @param {string} query with the variables `first` and `after`
 * @param {object} variables
 * @param {(data: any) => any} connectionOf null: there is no such thing
 * @param {{ first?: number, all?: number }} [how] all: go on by itself up to so many rows
 * @returns {Pages}
 */
export function usePages(query, variables, connectionOf, { first = 50, all = 0 } = {}) {
  const { ask, signedOut } = useApp();
  const key = JSON.stringify([query, variables]);
  const empty = { rows: [], cursor: null, hasMore: false, loading: true, error: null };
  const [state, setState] = useState(/** @type {any} */ ({ key, ...empty }));
  const [turn, setTurn] = useState(0);
  const running = useRef(/** @type {AbortController | null} */ (null));

  const read = async (/** @type {any} */ from) => {
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    let { rows, cursor } = from;
    setState({ ...from, key, loading: true, error: null });
    try {
      for (let turns = 1; ; turns++) {
        const data = await ask(query, { ...variables, first, after: cursor }, { signal: stop.signal });
        if (stop.signal.aborted) return;
        const connection = connectionOf(data) ?? { edges: [], pageInfo: { hasNextPage: false, endCursor: null } };
        rows = [...rows, ...connection.edges.map((/** @type {any} */ edge) => edge.node)];
        cursor = connection.pageInfo.endCursor ?? cursor;
        const hasMore = connection.pageInfo.hasNextPage;
        const found = connection.edges.length > 0;
        const goOn = hasMore && (rows.length < all || (!found && turns < EMPTY_PAGES));
        setState({ key, rows, cursor, hasMore, loading: goOn, error: null });
        if (!goOn) return;
      }
    } catch (error) {
      if (stop.signal.aborted) return;
      const known = asApiError(error);
      if (known.kind === "unauthenticated") signedOut(known.message);
      setState({ key, rows, cursor, hasMore: rows.length > 0, loading: false, error: known });
    }
  };

  useEffect(() => {
    read(empty);
    return () => running.current?.abort();
  }, [key, turn, ask]);
  const current = state.key === key ? state : empty;
  return {
    rows: current.rows,
    hasMore: current.hasMore,
    loading: current.loading,
    error: current.error,
    more: () => read(current),
    reload: () => setTurn((number) => number + 1),
    change: (change) => setState((/** @type {any} */ before) => ({ ...before, rows: before.rows.map(change) })),
  };
}

/**
 * Do something once: whether it is running, and why it failed. The answer's `RequestProblem` is an error, too.
 * @returns {{ busy: boolean, error: ApiError | null, run: (query: string, variables: object, name: string) => Promise<any>, clear: () => void }}
 *   `run` gives what the field `name` answered; null: it failed
 */
export function useAct() {
  const { ask, signedOut } = useApp();
  const [state, setState] = useState({ busy: false, error: /** @type {ApiError | null} */ (null) });
  const run = async (/** @type {string} */ query, /** @type {object} */ variables, /** @type {string} */ name) => {
    setState({ busy: true, error: null });
    try {
      const answer = (await ask(query, variables))[name];
      if (answer.__typename === "RequestProblem") {
        throw new ApiError("refused", answer.message, { requestId: answer.requestId });
      }
      setState({ busy: false, error: null });
      return answer;
    } catch (error) {
      const known = asApiError(error);
      if (known.kind === "unauthenticated") signedOut(known.message);
      setState({ busy: false, error: known });
      return null;
    }
  };
  return { ...state, run, clear: () => setState({ busy: false, error: null }) };
}

/** @param {any} error */
const asApiError = (error) =>
  error instanceof ApiError
    ? error
    : new ApiError(error?.code === "NETWORK" ? "lost" : "failed", error?.message ?? "Something went wrong in this page.");
