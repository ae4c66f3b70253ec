// The chosen colours before the first paint; a module would be too late.
try {
  const chosen = localStorage.getItem("token-ledger.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden: the colours of the system.
}
