// What every part of the page may need: who asks, how to ask, in which zone times are told.
// @ts-check
import { createContext, useContext } from "./vendor/htm-preact.js";

/**
 * @typedef {object} App
 * @property {import("./identity.js").Identity} identity
 * @property {import("./graphql.js").Ask} ask
 * @property {(scope: string) => boolean} may whether the access token has the scope
 * @property {import("./time.js").Zone} zone
 * @property {(message: string) => void} signedOut nobody is signed in any more: ask again, then come back to this place
 * @property {(message: string) => void} announce told by screen readers
 */

export const AppContext = createContext(/** @type {any} */ (null));

/** @returns {App} */
export const useApp = () => useContext(AppContext);
