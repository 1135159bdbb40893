// The board of a call: all that is ticked and typed is saved as it is typed, and kept in
// this browser until the server has it. Without script the form signs off just the same.

import { Topic, writer } from "./board-topic.js";
import { forgetAll } from "./kept.js";

class Board {
  constructor(root) {
    this.root = root;
    this.ref = root.dataset.board;
    this.form = root.querySelector(".board-form");
    this.topics = [];
    if (!this.form) {
      // Signed off, or off: what was typed has been said, or has no place any more.
      forgetAll(`board:${this.ref}:`);
      return;
    }
    this.token = this.form.elements.csrfmiddlewaretoken.value;
    this.form.elements.writer.value = writer;
    this.isRefused = this.form.querySelector("[data-error-summary]") !== null;
    this.saved = this.form.querySelector("[data-saved]");
    this.findButton();
    this.topics = [...this.form.querySelectorAll("[data-topic]")].map(
      (section) => new Topic(this, section),
    );
    this.update();
  }

  findButton() {
    this.button = this.form.querySelector("[data-sign-off]");
    this.usual = this.button?.querySelector("span").textContent;
  }

  words(what) {
    return this.saved.dataset[what];
  }

  showSaved() {
    const states = new Set(this.topics.map((topic) => topic.state));
    const what = ["waiting", "saving"].find((state) => states.has(state));
    this.saved.hidden = false;
    const words = this.words(what ?? (states.has("refused") ? "refused" : "done"));
    if (this.saved.textContent !== words) {
      this.saved.textContent = words;
      this.saved.dataset.is = what ?? "saved";
    }
  }

  update() {
    if (!this.button || !this.usual) {
      return;
    }
    const marked = { covered: 0, again: 0, not_reached: 0 };
    for (const radio of this.form.querySelectorAll("input[type=radio]:checked")) {
      marked[radio.value] += 1;
    }
    const topics = this.form.querySelectorAll("[data-topic]").length;
    const { covered, again, not_reached: notReached } = marked;
    const words = this.button.querySelector("span");
    if (covered === topics && this.button.dataset.allCovered) {
      words.textContent = this.button.dataset.allCovered.trim();
    } else if (covered + again + notReached === topics) {
      const parts = Object.entries(marked).filter(([, count]) => count);
      const said = parts.map(([what, count]) => this.button.dataset[what].replace("{n}", count));
      words.textContent = `${this.usual}: ${said.join(", ")}`;
    } else {
      words.textContent = this.usual;
    }
  }

  retry() {
    for (const topic of this.topics) {
      if (topic.state === "waiting") {
        topic.save();
      }
    }
  }

  leave() {
    for (const topic of this.topics) {
      topic.leave();
    }
  }
}

let boards = [];

function attach(part) {
  const known = new Set(boards.map((board) => board.root));
  const roots = [...part.querySelectorAll("[data-board]")];
  if (part.matches?.("[data-board]")) {
    roots.push(part);
  }
  boards = boards.filter((board) => board.root.isConnected);
  boards.push(...roots.filter((root) => !known.has(root)).map((root) => new Board(root)));
}

attach(document.body);
document.addEventListener("htmx:load", (event) => attach(event.detail.elt));
addEventListener("online", () => boards.forEach((board) => board.retry()));
addEventListener("pagehide", () => boards.forEach((board) => board.leave()));

// --- In the room ---------------------------------------------------------------------------
// The question of the trainee, the end of the call, and a sign-off made elsewhere.
async function refresh() {
  const [board] = boards;
  if (!board) {
    return;
  }
  const response = await fetch(board.root.dataset.boardUrl);
  if (!response.ok || response.redirected) {
    return;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("[data-board]");
  if (!fresh) {
    return;
  }
  if (fresh.dataset.state !== board.root.dataset.state) {
    replace(board.root, fresh);
    return;
  }
  for (const part of ["[data-board-time]", "[data-board-question]"]) {
    const [old, current] = [board.root, fresh].map((root) => root.querySelector(part));
    if (old && current && old.textContent !== current.textContent) {
      replace(old, current);
    }
  }
  if (board.form && !board.button && fresh.querySelector("[data-sign-off]")) {
    replace(board.form.querySelector("[data-board-end]"), fresh.querySelector("[data-board-end]"));
    board.findButton(); // the call has begun
    board.update();
  }
  const said = fresh.querySelector("[data-sign-off]")?.dataset.allCovered;
  if (board.button && said !== board.button.dataset.allCovered) {
    if (said) {
      board.button.dataset.allCovered = said;
    } else {
      delete board.button.dataset.allCovered;
    }
    board.update();
  }
}

function replace(old, current) {
  const part = document.importNode(current, true);
  old.replaceWith(part);
  window.htmx?.process(part);
  attach(part);
}

export function startBoard(call) {
  call.addEventListener("agenda", () => {
    refresh().catch(() => {}); // the next change asks again
  });
}
