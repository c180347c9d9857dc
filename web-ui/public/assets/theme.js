// Runs before the first paint, so that a chosen theme does not flash. A file, because the CSP allows no inline script.
try {
  const chosen = localStorage.getItem('paas-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be switched off; the system's theme is then used.
}
