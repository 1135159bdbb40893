// Sorting by drag, on top of the select boxes: dropping an item on a category chooses
// that category in its box. With a mouse the whole card is taken, by touch its number.

const FAR_ENOUGH_PX = 6;
let drag = null;

function boxOf(item) {
  return item.querySelector("select");
}

/** Write into each category the numbers of the items that are in it. */
function count(form) {
  for (const bin of form.querySelectorAll("[data-bin]")) {
    const numbers = [...form.querySelectorAll("[data-item]")]
      .filter((item) => boxOf(item).value === bin.dataset.bin)
      .map((item) => {
        const number = document.createElement("span");
        number.textContent = item.querySelector("[data-number]").textContent;
        return number;
      });
    bin.querySelector("[data-numbers]").replaceChildren(...numbers);
  }
}

function binAt(x, y) {
  const bin = document.elementFromPoint(x, y)?.closest("[data-bin]");
  return bin && drag.form.contains(bin) ? bin : null;
}

function lift() {
  drag.ghost = document.createElement("div");
  drag.ghost.className = "exercise-ghost";
  drag.ghost.textContent = drag.item.querySelector(".exercise-text").textContent;
  document.body.append(drag.ghost);
  drag.item.classList.add("exercise-taken");
  drag.form.classList.add("exercise-dragging");
}

function put(bin) {
  const box = boxOf(drag.item);
  box.value = bin.dataset.bin;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

function end() {
  if (!drag) {
    return;
  }
  drag.ghost?.remove();
  drag.item.classList.remove("exercise-taken");
  drag.form.classList.remove("exercise-dragging");
  for (const bin of drag.form.querySelectorAll(".exercise-bin-over")) {
    bin.classList.remove("exercise-bin-over");
  }
  drag = null;
}

document.addEventListener("pointerdown", (event) => {
  const item = event.target.closest("[data-sort-ready] [data-item]");
  const byHand = event.pointerType === "mouse" || event.target.closest("[data-number]");
  if (drag || !item || event.button !== 0 || !byHand || event.target.closest("select")) {
    return;
  }
  drag = { item, form: item.closest("form"), id: event.pointerId, x: event.x, y: event.y };
  if (event.pointerType === "mouse") {
    event.preventDefault(); // no text is selected on the way
  }
});

document.addEventListener("pointermove", (event) => {
  if (event.pointerId !== drag?.id) {
    return;
  }
  if (!drag.ghost) {
    if (Math.hypot(event.x - drag.x, event.y - drag.y) < FAR_ENOUGH_PX) {
      return;
    }
    lift();
  }
  drag.ghost.style.transform = `translate(${event.x + 8}px, ${event.y + 8}px)`;
  const over = binAt(event.x, event.y);
  for (const bin of drag.form.querySelectorAll("[data-bin]")) {
    bin.classList.toggle("exercise-bin-over", bin === over);
  }
});

document.addEventListener("pointerup", (event) => {
  if (event.pointerId !== drag?.id) {
    return;
  }
  const bin = drag.ghost && binAt(event.x, event.y);
  if (bin) {
    put(bin);
  }
  end();
});

document.addEventListener("pointercancel", end);
document.addEventListener("keydown", (event) => event.key === "Escape" && end());

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-exercise]");
  if (form?.dataset.exercise === "sort") {
    count(form);
  }
  if (form) {
    // What was said of the earlier answer does not hold for this one.
    const ask = event.target.closest("[data-item]");
    ask.classList.remove("exercise-right", "exercise-wrong", "exercise-missing");
    ask.querySelector(".exercise-word").replaceChildren();
    event.target.removeAttribute("aria-invalid");
  }
});

function prepare(part) {
  for (const form of part.querySelectorAll("form[data-exercise=sort]:not([data-sort-ready])")) {
    form.dataset.sortReady = "";
    form.querySelector("[data-how]").hidden = false;
    count(form);
  }
}

prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
