// A button that copies what stands in a field. Without it one selects the text.
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const before = button.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.textContent = button.dataset.copied;
    document.dispatchEvent(
      new CustomEvent("toast", { detail: { text: button.dataset.copied } }),
    );
    setTimeout(() => {
      button.textContent = before;
    }, 3000);
  });
}
