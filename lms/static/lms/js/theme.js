// Light, dark, or as the system says. The choice lies in a cookie, so that the server
// writes `data-theme` into the page and nothing flashes; pages made without a request
// (an error, a cached one) get it here, before the first paint (blocking="render").
const YEAR = 60 * 60 * 24 * 365;
const root = document.documentElement;

function chosen() {
  const [, theme] = document.cookie.match(/(?:^|; )theme=(light|dark)/) ?? [];
  return theme ?? "";
}

function apply(theme) {
  if (theme) {
    root.dataset.theme = theme;
  } else {
    delete root.dataset.theme;
  }
}

function remember(theme) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const life = theme ? YEAR : 0;
  document.cookie = `theme=${theme}; Path=/; Max-Age=${life}; SameSite=Lax${secure}`;
}

function show() {
  const theme = chosen();
  for (const choice of document.querySelectorAll("[data-theme-choice]")) {
    choice.setAttribute("aria-pressed", String(choice.dataset.themeChoice === theme));
  }
  for (const place of document.querySelectorAll("[data-theme-switch]")) {
    place.hidden = false;
  }
}

apply(chosen());

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-choice]");
  if (choice) {
    remember(choice.dataset.themeChoice);
    apply(chosen());
    show();
  }
});

if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", show);
} else {
  show();
}
document.addEventListener("htmx:load", show);
