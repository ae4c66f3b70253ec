// Sealed events as they come: graphql-transport-ws on /graphql, resumed after the last cursor, so that none is lost.
// @ts-check

const CODES = { unauthorized: 4401, expired: 4403, tooMany: 4429 };
const LONGEST_WAIT_SECONDS = 30;
/** Without any message for so long a connection is asked whether it lives. */
const QUIET_SECONDS = 15;

/**
 * @typedef {{ state: "connecting" | "live" | "lost" | "refused" | "signed out", message?: string, retryAt?: number }} LiveState
 * `lost` comes back by itself at `retryAt` (milliseconds of the clock); `refused` and `signed out` do not.
 */

/**
 * Start a subscription whose field is `events`.
 * @param {object} given
 * @param {(refused?: string) => Promise<string | null>} given.accessToken another than the refused one; null: nobody is signed in
 * @param {string} given.query with the variables `filter` and `after`
 * @param {object} given.filter
 * @param {(node: any, cursor: string) => void} given.onEvent
 * @param {(state: LiveState) => void} given.onState
 * @returns {{ close: () => void, retry: () => void }}
 */
export function subscribe({ accessToken, query, filter, onEvent, onState }) {
  /** @type {WebSocket | null} */
  let socket = null;
  /** @type {string | null} */
  let cursor = null;
  let attempts = 0;
  /** Counts what was begun: a token that comes after something newer opens no connection. */
  let turn = 0;
  let closed = false;
  /** @type {number | undefined} */
  let timer;
  /** @type {number | undefined} */
  let watch;

  const stop = () => {
    clearTimeout(timer);
    clearInterval(watch);
    turn += 1;
    const old = socket;
    socket = null;
    old?.close(1000);
  };

  const later = (/** @type {string} */ message) => {
    stop();
    attempts += 1;
    const seconds = Math.min(LONGEST_WAIT_SECONDS, 2 ** (attempts - 1)) * (0.7 + 0.6 * Math.random());
    onState({ state: "lost", message, retryAt: Date.now() + seconds * 1000 });
    timer = setTimeout(() => connect(), seconds * 1000);
  };

  const end = (/** @type {LiveState} */ state) => {
    stop();
    onState(state);
  };

  async function connect(/** @type {string | undefined} */ refused = undefined) {
    stop();
    const own = turn;
    onState({ state: "connecting" });
    let token;
    try {
      token = await accessToken(refused);
    } catch {
      if (own === turn) later("The server cannot be reached.");
      return;
    }
    if (own !== turn) return;
    if (token === null) return end({ state: "signed out" });
    const address = new URL("/graphql", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(address, "graphql-transport-ws");
    socket = mine;
    let heard = Date.now();
    let asked = false;
    /** The token is the one that was given for the refused one, and not taken yet. */
    let isNew = refused !== undefined;
    const say = (/** @type {object} */ message) => mine.send(JSON.stringify(message));
    mine.onopen = () => say({ type: "connection_init", payload: { accessToken: token } });
    mine.onmessage = ({ data }) => {
      if (mine !== socket) return;
      heard = Date.now();
      asked = false;
      const message = JSON.parse(data);
      switch (message.type) {
        case "connection_ack":
          say({ id: "events", type: "subscribe", payload: { query, variables: { filter, after: cursor } } });
          attempts = 0;
          isNew = false;
          onState({ state: "live" });
          break;
        case "ping":
          say({ type: "pong" });
          break;
        case "next":
          if (message.payload.errors) return later("The stream was interrupted.");
          cursor = message.payload.data.events.cursor;
          onEvent(message.payload.data.events.node, message.payload.data.events.cursor);
          break;
        case "error": {
          const [first] = message.payload;
          if (first?.extensions?.code === "TEMPORARILY_UNAVAILABLE") later(first.message);
          else end({ state: "refused", message: first?.message ?? "The server refused this filter." });
          break;
        }
        case "complete":
          later("The server ended the stream.");
          break;
      }
    };
    mine.onclose = ({ code }) => {
      if (mine !== socket) return;
      if ((code === CODES.unauthorized || code === CODES.expired) && !isNew) {
        connect(token); // whether the session has ended is told to whoever asks for another token
      } else if (code === CODES.unauthorized) {
        end({ state: "signed out" });
      } else if (code === CODES.tooMany) {
        end({ state: "refused", message: "You have too many live connections open. Close one of them, then try again." });
      } else later(code === 1013 ? "The service cannot answer now." : "The server cannot be reached.");
    };
    watch = setInterval(() => {
      if (Date.now() - heard < QUIET_SECONDS * 1000 || mine.readyState !== WebSocket.OPEN) return;
      if (asked) return later("The connection is silent.");
      asked = true;
      heard = Date.now();
      say({ type: "ping" });
    }, 5000);
  }

  const offline = () => later("This device is offline.");
  const online = () => {
    if (socket === null && !closed) connect();
  };
  addEventListener("offline", offline);
  addEventListener("online", online);
  connect();
  return {
    retry: () => {
      if (!closed) connect();
    },
    close: () => {
      closed = true;
      removeEventListener("offline", offline);
      removeEventListener("online", online);
      stop();
    },
  };
}
