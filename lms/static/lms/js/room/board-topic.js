// One topic on the board: saved as it is ticked and typed, again until the server has it.

import { forget, recall, remember } from "./kept.js";
import { both, isSame } from "./merging.js";
import { uuid } from "./uuid.js";

const QUIET_MS = 700; // after the last key, before it is sent
const AGAIN_MS = [1000, 2000, 4000, 8000, 15000]; // after a try that did not arrive

export const writer = uuid(); // this page, of all that may write on the board
let number = 0;

export class Topic {
  constructor(board, section) {
    this.board = board;
    this.section = section;
    this.pk = section.dataset.topic;
    this.key = `board:${board.ref}:${this.pk}`;
    this.base = this.field("base");
    this.known = this.read(); // what the server has
    this.state = "saved";
    this.tries = 0;
    section.addEventListener("input", (event) => this.changed(event.target));
    this.putBack();
    if (board.isRefused) {
      this.changed(); // it came back with an error: nobody knows what is saved of it
    }
  }

  field(name) {
    return this.section.querySelector(`[name="${name}-${this.pk}"]`);
  }

  fields(name) {
    return [...this.section.querySelectorAll(`[name="${name}-${this.pk}"]`)];
  }

  read() {
    const checked = (name) => this.fields(name).filter((field) => field.checked);
    return {
      outcome: checked("outcome")[0]?.value ?? "",
      criteria: checked("criteria").map((box) => box.value),
      note: this.field("note").value.trim(),
      private: this.field("private")?.value.trim() ?? "",
    };
  }

  write(said) {
    for (const radio of this.fields("outcome")) {
      radio.checked = radio.value === said.outcome;
    }
    for (const box of this.fields("criteria")) {
      box.checked = said.criteria.includes(box.value);
    }
    for (const name of ["note", "private"]) {
      const field = this.field(name);
      if (field && field.value.trim() !== said[name]) {
        field.value = said[name];
      }
    }
  }

  putBack() {
    const kept = recall(this.key);
    if (!kept) {
      return;
    }
    const said = both(kept.known, kept.said, this.known);
    if (isSame(said, this.known)) {
      forget(this.key);
      return;
    }
    this.write(said);
    this.say(this.board.words("found"));
    this.changed();
  }

  changed(field) {
    this.board.update();
    if (isSame(this.read(), this.known) && !this.isSending) {
      this.settle("saved");
      forget(this.key);
      return;
    }
    this.keep();
    this.settle("saving");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), field?.tagName === "TEXTAREA" ? QUIET_MS : 0);
  }

  keep() {
    remember(this.key, { said: this.read(), known: this.known, at: Date.now() });
  }

  settle(state) {
    this.state = state;
    this.board.showSaved();
  }

  say(words) {
    this.section.querySelector("[data-said]").textContent = words;
  }

  body(said) {
    const body = new URLSearchParams();
    body.set("csrfmiddlewaretoken", this.board.token);
    body.set("writer", writer);
    body.set("number", ++number);
    body.set(`base-${this.pk}`, this.base.value);
    body.set(`outcome-${this.pk}`, said.outcome);
    for (const line of said.criteria) {
      body.append(`criteria-${this.pk}`, line);
    }
    body.set(`note-${this.pk}`, said.note);
    if (this.field("private")) {
      body.set(`private-${this.pk}`, said.private);
    }
    return body;
  }

  async save() {
    clearTimeout(this.timer);
    if (this.isSending) {
      return; // what changed since follows by itself
    }
    this.isSending = true;
    const said = this.read();
    try {
      const response = await fetch(this.section.dataset.url, {
        method: "POST",
        body: this.body(said),
        signal: AbortSignal.timeout(10000),
      });
      const isJson = response.headers.get("content-type")?.startsWith("application/json");
      if (!isJson) {
        throw new Error(`answered with ${response.status}`); // signed out, or a fault
      }
      this.isSending = false;
      this.answered(response.status, await response.json(), said);
    } catch {
      this.isSending = false;
      this.settle("waiting");
      const pause = AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)];
      this.timer = setTimeout(() => this.save(), pause);
    }
  }

  answered(status, answer, said) {
    this.tries = 0;
    if (status === 200) {
      this.base.value = answer.version;
      this.known = said;
      this.changed();
      return;
    }
    this.say(answer.words);
    if (answer.theirs) {
      const theirs = { private: this.known.private, ...answer.theirs };
      const merged = both(this.known, this.read(), theirs);
      this.base.value = theirs.version;
      this.known = {
        outcome: theirs.outcome,
        criteria: theirs.criteria,
        note: theirs.note,
        private: theirs.private,
      };
      this.write(merged);
      this.changed();
      return;
    }
    this.settle("refused"); // the words say why; the next change tries again
  }

  // The page goes: what is not sent yet goes after it.
  leave() {
    if (this.state !== "saved" && !isSame(this.read(), this.known)) {
      fetch(this.section.dataset.url, {
        method: "POST",
        body: this.body(this.read()),
        keepalive: true,
      }).catch(() => {});
    }
  }
}
