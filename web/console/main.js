// Where the page begins.
// @ts-check
import { html, render } from "./vendor/htm-preact.js";
import { App } from "./app.js";
import { followLinks } from "./route.js";

followLinks();
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
