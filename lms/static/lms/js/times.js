// Choosing a time, a little quicker: the browser's own time zone is offered where times
// are shown in another one; what is swapped in keeps the place of who works by keyboard.

const offer = () => {
  const select = document.querySelector("select[data-offer-zone]");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!select || select.value === here || document.getElementById("zone-offer")) {
    return;
  }
  const option = [...select.options].find((one) => one.value === here);
  if (!option) {
    return;
  }
  const button = document.createElement("button");
  button.id = "zone-offer";
  button.type = "button";
  button.className = "link-button";
  button.textContent = select.dataset.offerZone.replace("{zone}", option.textContent);
  button.addEventListener("click", () => {
    select.value = here;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
  select.closest(".field").append(button);
};

// The drawer of a phone stays as it was; a time that was clicked leads on to the button
// that books it, or to the times of the next call.
let isOpen = false;
let led = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  isOpen = document.getElementById("options")?.open ?? false;
  const from = event.detail.requestConfig?.elt;
  led = from?.matches("a") ? new URL(from.href).hash.slice(1) : null;
});

document.addEventListener("htmx:afterSettle", () => {
  const options = document.getElementById("options");
  if (options && isOpen) {
    options.open = true;
  }
  const target = led && document.getElementById(led);
  led = null;
  if (target && !document.querySelector("[data-error-summary]")) {
    target.focus({ preventScroll: target.matches(".confirm-bar") });
  }
  offer();
});

offer();
