// Let the button say what happens once every topic is marked as covered.

const button = document.querySelector("button[data-all-covered]");

if (button) {
  const form = button.form;
  const words = button.querySelector("span");
  const usual = words.textContent;
  const groups = new Set(
    [...form.querySelectorAll("input[type=radio]")].map((radio) => radio.name),
  );
  const update = () => {
    const covered = form.querySelectorAll("input[type=radio][value=covered]:checked");
    words.textContent = covered.length === groups.size ? button.dataset.allCovered : usual;
  };
  form.addEventListener("change", update);
  update();
}
