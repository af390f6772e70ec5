// Short messages over the page, and its colours.

let timer;

/** Show a message for a moment; a bad one longer. */
export function say(text, bad = false) {
  const toast = document.getElementById("toast");
  toast.textContent = text;
  toast.classList.toggle("bad", bad);
  toast.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => { toast.hidden = true; }, bad ? 5000 : 1400);
}

export function toggleTheme() {
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
}

const light = matchMedia("(prefers-color-scheme: light)").matches;
setTheme(localStorage.getItem("theme") ?? (light ? "light" : "dark"));
