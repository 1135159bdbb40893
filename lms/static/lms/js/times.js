// Offer the browser's own time zone where times are shown in another one.

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
  select.closest(".filters").after(button);
};

offer();
document.addEventListener("htmx:afterSettle", offer);
