// A check's lines can be put in order, and pairs be matched, by drag too. The select
// boxes stay, say what holds, and are all that is sent.

function handle() {
  const grip = document.createElement("span");
  grip.className = "drag-handle";
  grip.setAttribute("aria-hidden", "true");
  grip.textContent = "⋮⋮";
  return grip;
}

// Follow a pointer from where it was put down: `move` for each place, `end` once.
// The document hears it: a line that moves in the page would lose it.
function follow(start, { move, end }) {
  const all = new AbortController();
  const own = (handler) => (event) => {
    if (event.pointerId === start.pointerId) {
      handler(event);
    }
  };
  const stop = own((event) => {
    all.abort();
    end(event);
  });
  document.addEventListener("pointermove", own(move), all);
  document.addEventListener("pointerup", stop, all);
  document.addEventListener("pointercancel", stop, all);
  start.preventDefault();
}

const lineAt = (list, event) =>
  [...list.children].find((line) => {
    const box = line.getBoundingClientRect();
    return event.clientY >= box.top && event.clientY <= box.bottom;
  });

// --- Put in order -------------------------------------------------------------------
function number(list) {
  [...list.children].forEach((line, place) => {
    line.querySelector("select").value = String(place + 1);
  });
}

function makeSortable(list) {
  for (const line of list.children) {
    const grip = handle();
    line.prepend(grip);
    grip.addEventListener("pointerdown", (start) => {
      line.classList.add("is-dragged");
      follow(start, {
        move(event) {
          const over = lineAt(list, event);
          if (!over || over === line) {
            return;
          }
          const box = over.getBoundingClientRect();
          const isBelow = event.clientY > box.top + box.height / 2;
          const beside = isBelow ? over.nextElementSibling : over.previousElementSibling;
          if (beside !== line) {
            over[isBelow ? "after" : "before"](line);
          }
        },
        end() {
          line.classList.remove("is-dragged");
          number(list);
        },
      });
    });
  }
}

// --- Match pairs -----------------------------------------------------------------------
function makeMatching(list) {
  const selects = [...list.querySelectorAll("select")];
  const chips = document.createElement("div");
  chips.className = "question-chips";
  chips.setAttribute("aria-hidden", "true");
  const mark = () => {
    const used = new Set(selects.map((select) => select.value));
    for (const chip of chips.children) {
      chip.classList.toggle("is-used", used.has(chip.dataset.value));
    }
  };
  for (const option of selects[0].options) {
    if (!option.value) {
      continue;
    }
    const chip = document.createElement("span");
    chip.className = "question-chip";
    chip.dataset.value = option.value;
    chip.textContent = option.textContent;
    chips.append(chip);
    chip.addEventListener("pointerdown", (start) => {
      let target = null;
      chip.classList.add("is-dragged");
      follow(start, {
        move(event) {
          chip.style.translate = `${event.clientX - start.clientX}px ${
            event.clientY - start.clientY
          }px`;
          target?.classList.remove("is-target");
          target = lineAt(list, event);
          target?.classList.add("is-target");
        },
        end() {
          chip.classList.remove("is-dragged");
          chip.style.translate = "";
          target?.classList.remove("is-target");
          if (target) {
            target.querySelector("select").value = chip.dataset.value;
            mark();
          }
        },
      });
    });
  }
  list.before(chips);
  list.addEventListener("change", mark);
  mark();
}

function enhance(part) {
  for (const form of part.querySelectorAll("[data-check]:not([data-drag])")) {
    form.dataset.drag = "";
    form.querySelectorAll("[data-order]").forEach(makeSortable);
    form.querySelectorAll("[data-match]").forEach(makeMatching);
  }
}

enhance(document);
document.addEventListener("htmx:load", (event) => enhance(event.detail.elt.parentNode ?? document));
