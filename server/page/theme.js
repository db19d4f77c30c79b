// Not a module, so that it runs before anything is shown: the colours that were chosen here, if any.
try {
  const theme = localStorage.getItem("ttt.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // This browser stores nothing; the system's colours are used.
}
