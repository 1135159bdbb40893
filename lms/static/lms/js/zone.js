// Preset a time zone select with the browser's own zone, if it is among the choices.

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

for (const select of document.querySelectorAll("select[data-detect-zone]")) {
  if ([...select.options].some((option) => option.value === here)) {
    select.value = here;
  }
}
