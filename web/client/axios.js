// @ts-check
/** Access tokens for axios, by interceptors. */

/** Kept in the configuration of a request: the token it was sent with, and that it was sent again. */
const SENT_WITH = "tokenLedgerSentWith";
const SENT_AGAIN = "tokenLedgerSentAgain";

/**
 * @param {import("axios").AxiosInstance} instance
 * @param {import("./token-ledger.js").TokenLedger} ledger
 */
export function attachTokenLedger(instance, ledger) {
  /** @param {any} config */
  async function authorize(config) {
    if (config.headers.has("Authorization") || !ledger.isAllowed(instance.getUri(config))) return config;
    const token = await ledger.getAccessToken({ signal: config.signal });
    if (token !== null) config.headers.set("Authorization", `Bearer ${token}`);
    config[SENT_WITH] = token;
    return config;
  }

  /** The answer to the same request with another token; null: there is nothing to send again. @param {any} response */
  async function sentAgain(response) {
    const config = response?.config;
    const token = config?.[SENT_WITH];
    const isStream = typeof config?.data?.pipe === "function" || typeof config?.data?.getReader === "function";
    if (!token || config[SENT_AGAIN] || isStream || !isUnauthenticated(response)) return null;
    if ((await ledger.getAccessToken({ refused: token, signal: config.signal })) === null) return null;
    config.headers.delete("Authorization");
    return instance.request({ ...config, [SENT_AGAIN]: true });
  }

  const request = instance.interceptors.request.use(authorize);
  const response = instance.interceptors.response.use(
    async (answer) => (await sentAgain(answer)) ?? answer,
    async (error) => {
      const answer = await sentAgain(error.response);
      if (answer === null) throw error;
      return answer;
    },
  );
  return () => {
    instance.interceptors.request.eject(request);
    instance.interceptors.response.eject(response);
  };
}

/** @param {any} response */
function isUnauthenticated({ status, data }) {
  const errors = data?.errors;
  return (
    status === 401 || (Array.isArray(errors) && errors.some((error) => error?.extensions?.code === "UNAUTHENTICATED"))
  );
}
