// Before the first paint, so that a dark page never flashes white. A file of its own: the policy allows no inline script.
(function () {
  var theme = "auto";
  try {
    theme = localStorage.getItem("akr.theme") || "auto";
  } catch {
    // Storage may be forbidden.
  }
  var dark = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
