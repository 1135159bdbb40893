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
    select.focus();
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
  select.closest(".field").append(button);
};

// The drawer of a phone stays as it was, and so does the place in it; a time that was
// clicked leads on to the button that books it, or to the times of the next call.
let isOpen = false;
let held = "";
let led = "";

document.addEventListener("htmx:beforeSwap", (event) => {
  isOpen = document.getElementById("options")?.open ?? false;
  held = document.activeElement?.id ?? "";
  const from = event.detail.requestConfig?.elt;
  led = from?.matches("a") ? new URL(from.href).hash.slice(1) : "";
});

document.addEventListener("htmx:afterSwap", () => {
  const options = document.getElementById("options");
  if (options && isOpen) {
    options.open = true;
  }
  const isWrong = document.querySelector("[data-error-summary]");
  const target = document.getElementById(isWrong ? held : led || held);
  if (target && target !== document.activeElement) {
    const isInSight = getComputedStyle(target).position === "fixed";
    target.focus({ preventScroll: isInSight || target.id === held });
  }
  if (led && !document.querySelector(".slot-days")) {
    document.getElementById("times")?.scrollIntoView(); // both calls have their time
  }
  held = led = "";
});

document.addEventListener("htmx:afterSettle", offer);
offer();
