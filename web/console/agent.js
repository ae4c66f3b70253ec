// Which browser and system a user agent names, as far as it tells.
// @ts-check

/** @type {[RegExp, string][]} The first that fits. */
const BROWSERS = [
  [/\bEdg(?:e|A|iOS)?\/(\d+)/, "Edge"],
  [/\bOPR\/(\d+)/, "Opera"],
  [/\bSamsungBrowser\/(\d+)/, "Samsung Internet"],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, "Firefox"],
  [/\bHeadlessChrome\/(\d+)/, "Chrome"],
  [/\b(?:Chrome|CriOS)\/(\d+)/, "Chrome"],
  [/\bVersion\/(\d+)[^ ]* (?:Mobile\/\S+ )?Safari\//, "Safari"],
  [/^curl\/(\d+)/, "curl"],
  [/^([A-Za-z][\w-]*)\/(\d+)/, "$1"],
];
/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/iPhone|iPad|iPod/, "iOS"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux|X11/, "Linux"],
];

/** "Firefox 140 on Linux"; the beginning of the text where it names nothing known. @param {string | null} agent */
export function agentLabel(agent) {
  if (!agent) return "";
  const browser = BROWSERS.find(([pattern]) => pattern.test(agent));
  if (!browser) return agent.length > 40 ? `${agent.slice(0, 40)}…` : agent;
  const found = /** @type {RegExpExecArray} */ (browser[0].exec(agent));
  const named = browser[1] === "$1" && found[1] !== "Mozilla" ? `${found[1]} ${found[2]}` : `${browser[1]} ${found[1]}`;
  if (browser[1] === "$1" && found[1] === "Mozilla") return agent.length > 40 ? `${agent.slice(0, 40)}…` : agent;
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent));
  return system ? `${named} on ${system[1]}` : named;
}
