// The week of hours as a grid: shows what the fields say, and writes into them what is
// drawn with mouse or finger. The fields are the truth; without this they do it alone.

const DAY = 24 * 60;
const STEP = 15;
const LONG_PRESS_MS = 250; // a finger that moves sooner scrolls the page
const STILL_PX = 8;

const form = document.querySelector("[data-week]");
const grid = form?.querySelector("[data-grid]");
const fields = form ? [...form.querySelectorAll("[data-day]")] : [];
const copyButton = form?.querySelector("[data-copy]");
const undoButton = form?.querySelector("[data-undo]");
const sum = form?.querySelector("[data-sum]");

// --- Reading and writing one day's times, as the server does ---------------------------

function tidy(text) {
  return text
    .trim()
    .replace(/\s*(?:[-–—]|\bto\b|\buntil\b)\s*/g, "-")
    .replace(/\s*(?:[,;+&]|\band\b)\s*/g, ",")
    .replace(/(\d{1,2}?)(?:[:.]?(\d\d))?\s*(am|pm)?\b/gi, (_all, hour, minute, half) => {
      const base = half ? (Number(hour) % 12) + (/p/i.test(half) ? 12 : 0) : Number(hour);
      return `${String(base).padStart(2, "0")}:${minute ?? "00"}`;
    });
}

// The windows of a day as [start, end] in minutes; null where it cannot be read.
function read(text) {
  const windows = [];
  for (const piece of tidy(text).split(",").filter(Boolean)) {
    const found = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(piece);
    if (!found) {
      return null;
    }
    const [hour, minute, endHour, endMinute] = found.slice(1).map(Number);
    const start = hour * 60 + minute;
    const end = endHour * 60 + endMinute;
    if (minute > 59 || endMinute > 59 || start >= DAY || end > DAY) {
      return null;
    }
    windows.push([start, end > start ? end : end + DAY]);
  }
  return windows.sort((one, other) => one[0] - other[0]);
}

function clock(minute) {
  const shown = minute > DAY ? minute - DAY : minute;
  const [hours, minutes] = [Math.floor(shown / 60), shown % 60];
  return `${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}

const span = ([start, end]) => `${clock(start)}-${clock(end)}`;

const overlaps = (windows) =>
  windows.some(([start], index) => index > 0 && windows[index - 1][1] > start);

// Windows that touch or overlap become one.
function merged(windows) {
  const joined = [];
  for (const [start, end] of [...windows].sort((one, other) => one[0] - other[0])) {
    const last = joined.at(-1);
    if (last && start <= last[1]) {
      last[1] = Math.max(last[1], end);
    } else {
      joined.push([start, end]);
    }
  }
  return joined;
}

const windowsOf = (day) => read(fields[day].value) ?? [];

function write(day, windows) {
  fields[day].value = merged(windows).map(span).join(", ");
  update();
}

// --- Words beside the fields ------------------------------------------------------------

function say(field) {
  const note = field.closest(".week-times").querySelector("[data-note]");
  const windows = read(field.value);
  const late = windows?.find(([, end]) => end > DAY);
  const isWrong = windows === null || overlaps(windows);
  let words = "";
  if (windows === null) {
    words = form.dataset.unread;
  } else if (isWrong) {
    words = form.dataset.overlap;
  } else if (late) {
    words = form.dataset.until.replace("{time}", clock(late[1]));
  }
  // Said while one types: words that came on leaving would move the button one presses.
  note.classList.toggle("is-wrong", isWrong && document.activeElement !== field);
  note.textContent = words;
}

function update() {
  fields.forEach(say);
  draw();
  const minutes = fields
    .flatMap((_field, day) => merged(windowsOf(day)))
    .reduce((all, [start, end]) => all + end - start, 0);
  sum.textContent = form.dataset.total.replace("{hours}", Math.round(minutes / 6) / 10);
  undoButton.hidden = fields.every((field) => field.value === field.defaultValue);
}

// --- Drawing ------------------------------------------------------------------------------

const columns = [];
let chosen = null; // {day, index} of the window tapped

function element(name, className, parent, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  parent.append(made);
  return made;
}

function build() {
  element("div", "week-grid-name", grid);
  for (const field of fields) {
    const name = field.closest(".week-row").querySelector("label").textContent.trim();
    element("div", "week-grid-name", grid, name.slice(0, 3));
  }
  const hours = element("div", "week-grid-hours", grid);
  for (let hour = 3; hour < 24; hour += 3) {
    const label = element("span", "", hours, String(hour).padStart(2, "0"));
    label.style.insetBlockStart = `${(hour / 24) * 100}%`;
  }
  fields.forEach((_field, day) => {
    const column = element("div", "week-grid-day", grid);
    column.dataset.column = day;
    columns.push(column);
  });
}

function place(day, index, from, until, { start, end }, isDrawn) {
  const box = element("div", "week-window", columns[day]);
  box.style.insetBlockStart = `${(from / DAY) * 100}%`;
  box.style.blockSize = `${((until - from) / DAY) * 100}%`;
  box.classList.toggle("is-drawn", isDrawn);
  box.classList.toggle("goes-on", end > DAY && until === DAY);
  box.classList.toggle("comes-on", end > DAY && until !== DAY);
  box.dataset.index = index;
  if (until - from >= 30) {
    element("span", "", box, clock(start));
  }
  if (until - from >= 75) {
    element("span", "", box, clock(end));
  }
  return box;
}

function draw(drawn = null) {
  for (const column of columns) {
    column.replaceChildren();
  }
  fields.forEach((_field, day) => {
    const windows = drawn?.day === day ? drawn.windows : windowsOf(day);
    windows.forEach(([start, end], index) => {
      const isDrawn = drawn?.day === day && drawn.index === index;
      const parts = [[day, start, Math.min(end, DAY)]];
      if (end > DAY) {
        parts.push([(day + 1) % 7, 0, end - DAY]);
      }
      parts.forEach(([onDay, from, until], part) => {
        const box = place(onDay, index, from, until, { start, end }, isDrawn);
        box.dataset.of = day;
        box.classList.toggle("is-chosen", chosen?.day === day && chosen.index === index);
        if (part === 0) {
          element("div", "week-handle week-handle-top", box).dataset.edge = "0";
        }
        if (part === parts.length - 1) {
          element("div", "week-handle week-handle-bottom", box).dataset.edge = "1";
        }
        if (until - from >= 60) {
          const remove = element("button", "week-remove", box, "×");
          remove.type = "button";
          remove.tabIndex = -1;
          remove.title = form.dataset.remove;
        }
      });
    });
  });
}

// --- Mouse and finger ---------------------------------------------------------------------

let drag = null;
let press = null;

function minuteAt(day, y) {
  const box = columns[day].getBoundingClientRect();
  return Math.max(0, Math.min(DAY, ((y - box.top) / box.height) * DAY));
}

const onStep = (minute) => Math.round(minute / STEP) * STEP;

function begin(event) {
  const box = event.target.closest(".week-window");
  const column = event.target.closest(".week-grid-day");
  const shown = Number(column.dataset.column);
  const at = minuteAt(shown, event.clientY);
  if (!box) {
    const first = Math.min(Math.floor(at / STEP) * STEP, DAY - STEP);
    const windows = [...windowsOf(shown), [first, first + STEP]];
    const index = windows.length - 1;
    drag = { kind: "new", day: shown, shown, windows, index, start: onStep(at) };
  } else {
    const day = Number(box.dataset.of);
    const index = Number(box.dataset.index);
    const windows = windowsOf(day).map((each) => [...each]);
    const edge = event.target.dataset.edge;
    const kind = edge === undefined ? "move" : "edge";
    drag = { kind, day, shown, windows, index, edge: Number(edge), at, moved: false };
    drag.was = [...windows[index]];
  }
  drag.pointer = event.pointerId;
  grid.setPointerCapture(event.pointerId);
  chosen = null;
  draw(drag);
}

function follow(event) {
  // In a window that comes over midnight, minutes count from the day before.
  const shift = drag.shown === drag.day ? 0 : DAY;
  const at = minuteAt(drag.shown, event.clientY) + shift;
  const own = drag.windows[drag.index];
  if (drag.kind === "new") {
    const end = onStep(at);
    own[0] = Math.min(drag.start, end, DAY - STEP);
    own[1] = Math.max(drag.start, end, own[0] + STEP);
  } else if (drag.kind === "edge") {
    const to = onStep(at);
    own[drag.edge] = drag.edge
      ? Math.max(own[0] + STEP, Math.min(to, own[0] + DAY))
      : Math.min(own[1] - STEP, Math.max(to, 0, own[1] - DAY));
  } else {
    const by = onStep(at - shift - drag.at);
    const last = drag.was[1] > DAY ? 2 * DAY : DAY;
    const moved = Math.max(-drag.was[0], Math.min(by, last - drag.was[1]));
    own[0] = Math.min(drag.was[0] + moved, DAY - STEP);
    own[1] = own[0] + drag.was[1] - drag.was[0];
  }
  drag.moved = true;
  draw(drag);
}

function finish() {
  const { kind, day, index, windows, moved } = drag;
  drag = null;
  if (kind === "new" && !moved) {
    const [start] = windows[index];
    windows[index][1] = Math.min(start + 60, DAY); // a tap is an hour
  }
  if (kind !== "new" && !moved) {
    chosen = { day, index };
    draw();
    return;
  }
  write(day, windows);
}

function remove(box) {
  const day = Number(box.dataset.of);
  const index = Number(box.dataset.index);
  chosen = null;
  write(
    day,
    windowsOf(day).filter((_window, at) => at !== index),
  );
}

function forget() {
  clearTimeout(press?.timer);
  press = null;
}

function listen() {
  grid.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary || event.target.closest(".week-remove")) {
      return;
    }
    if (!event.target.closest(".week-grid-day")) {
      return;
    }
    if (event.pointerType === "touch") {
      forget();
      press = { event, timer: setTimeout(() => press && begin(event), LONG_PRESS_MS) };
    } else {
      event.preventDefault();
      begin(event);
    }
  });
  grid.addEventListener("pointermove", (event) => {
    if (drag?.pointer === event.pointerId) {
      follow(event);
    } else if (press) {
      const by = Math.hypot(
        event.clientX - press.event.clientX,
        event.clientY - press.event.clientY,
      );
      if (by > STILL_PX) {
        forget();
      }
    }
  });
  grid.addEventListener("pointerup", (event) => {
    if (!drag && press) {
      begin(press.event); // a tap
    }
    forget();
    if (drag?.pointer === event.pointerId) {
      finish();
    }
  });
  grid.addEventListener("pointercancel", () => {
    forget();
    drag = null;
    draw();
  });
  grid.addEventListener("click", (event) => {
    if (event.target.closest(".week-remove")) {
      remove(event.target.closest(".week-window"));
    }
  });
  // While a finger draws, the page does not scroll under it.
  grid.addEventListener(
    "touchmove",
    (event) => {
      if (drag) {
        event.preventDefault();
      }
    },
    { passive: false },
  );
  grid.addEventListener("contextmenu", (event) => {
    if (drag || press) {
      event.preventDefault();
    }
  });
}

if (form) {
  build();
  listen();
  for (const field of fields) {
    field.addEventListener("input", update);
    field.addEventListener("blur", () => {
      const windows = read(field.value);
      if (windows && !overlaps(windows)) {
        field.value = windows.map(span).join(", ");
      }
      update();
    });
  }
  copyButton.type = "button";
  copyButton.addEventListener("click", () => {
    for (const field of fields.slice(1, 5)) {
      field.value = fields[0].value;
    }
    update();
  });
  form.addEventListener("reset", () => setTimeout(update));
  for (const part of document.querySelectorAll("[data-can-draw]")) {
    part.hidden = false;
  }
  grid.hidden = false;
  update();
}
