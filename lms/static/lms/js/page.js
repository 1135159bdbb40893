// Small manners of every page: menus close, messages can be closed, a form is sent
// once. All of it works without.

// --- Menus: one open at a time, closed by Escape or a click elsewhere ---------------
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) {
      menu.open = false;
    }
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") {
    return;
  }
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// --- Folds: open on a wide screen, where they have no button; closed on a phone ---------
const wide = matchMedia("(min-width: 40rem)");

function fold() {
  for (const part of document.querySelectorAll("details.fold")) {
    part.open = wide.matches;
    part.dataset.folded = "";
  }
}

wide.addEventListener("change", fold);
fold();

// --- Messages ---------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  event.target.closest("[data-message-close]")?.closest("[data-message]")?.remove();
});

const ICONS = { good: "check-circle", info: "info", warn: "alert", bad: "alert" };

function toast({ text, tone = "good" }) {
  const place = document.getElementById("toasts");
  const model = document.getElementById("toast-model");
  const message = model.content.firstElementChild.cloneNode(true);
  const known = tone in ICONS ? tone : "info";
  message.classList.add(`tone-${known}`);
  const use = message.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${ICONS[known]}`));
  message.querySelector(".message-words").textContent = text;
  message.querySelector("[data-message-close]").hidden = false;
  place.append(message);
}

document.addEventListener("toast", (event) => toast(event.detail));

function sayItFailed() {
  toast({ text: document.body.dataset.failed, tone: "bad" });
}

document.addEventListener("htmx:sendError", sayItFailed);
document.addEventListener("htmx:responseError", sayItFailed);

// --- Forms ---------------------------------------------------------------------------------
function settle(part) {
  for (const close of part.querySelectorAll("[data-message-close]")) {
    close.hidden = false;
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-error-summary] a[href^='#']");
  const target = link && document.getElementById(link.hash.slice(1));
  if (target) {
    event.preventDefault();
    const control = target.matches("input, select, textarea")
      ? target
      : target.querySelector("input, select, textarea");
    (control ?? target).focus();
    target.closest(".field")?.scrollIntoView({ block: "center" });
  }
});

// A form is sent once; a second click waits. It is free again after a while (a file
// was fetched), or when one comes back to the page.
const PATIENCE_MS = 5000;
const sent = new Map();

function free(form) {
  sent.get(form)?.removeAttribute("aria-busy");
  sent.delete(form);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post") || event.defaultPrevented) {
    return;
  }
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  sent.set(form, event.submitter);
  event.submitter?.setAttribute("aria-busy", "true");
  setTimeout(() => free(form), PATIENCE_MS);
});

addEventListener("pageshow", () => {
  for (const form of sent.keys()) {
    free(form);
  }
});

// --- Films at other sites: nothing comes from there before somebody presses play ------
// Without script the picture is a plain link to the film's page.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-film]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) {
    return;
  }
  event.preventDefault();
  const film = document.createElement("iframe");
  film.src = link.dataset.film;
  film.title = link.dataset.filmTitle;
  film.allow = "autoplay; encrypted-media; fullscreen; picture-in-picture";
  film.referrerPolicy = "strict-origin-when-cross-origin"; // YouTube refuses without
  link.replaceWith(film);
  film.focus();
});

function makeButtons(part) {
  for (const link of part.querySelectorAll("a[data-film]")) {
    link.setAttribute("role", "button");
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.matches("a[data-film]")) {
    event.preventDefault();
    event.target.click();
  }
});

settle(document);
makeButtons(document);
document.addEventListener("htmx:load", (event) => {
  settle(event.detail.elt);
  makeButtons(event.detail.elt);
});
