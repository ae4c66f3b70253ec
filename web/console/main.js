// Where the page begins.
import { html, render } from "./vendor/htm-preact.js";
import { App } from "./app.js";
import { followLinks } from "./route.js";

followLinks();
render(html`<${App} />`, document.getElementById("app"));
