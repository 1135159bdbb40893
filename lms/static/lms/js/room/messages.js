// Text notes to each other: sent on Enter, kept until they are sent, read on coming back.

import { remember, remembered } from "./media.js";
import { uuid } from "./uuid.js";

const AGAIN_MS = [1000, 2000, 4000, 8000];
const SHOWN_MS = 7000; // a new note, over the picture

export class Messages {
  last = 0; // the id of the last one got
  #config;
  #announce;
  #panel;
  #list;
  #form;
  #field;
  #unsent;
  #sending = false;
  #failures = 0;
  #timer = 0;
  #unread = 0;
  #isFirst = true;
  #store;
  #shown = new Set();
  #hint = 0;

  constructor(root, config, announce = () => {}) {
    this.#config = config;
    this.#announce = announce;
    this.#panel = root.querySelector("#notes");
    this.#list = this.#panel.querySelector("[data-notes]");
    this.#form = this.#panel.querySelector("form");
    this.#field = this.#form.querySelector("textarea");
    this.#store = `room-unsent-${config.message}`;
    this.#unsent = remembered("sessionStorage", this.#store).notes ?? [];
    for (const note of this.#unsent) {
      this.#draw({ ...note, mine: true, waits: true });
    }
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#write();
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#write();
      }
    });
    addEventListener("online", () => this.#send());
    root.addEventListener("panel", () => this.#read());
    root.querySelector("#new-note").addEventListener("click", () => this.#hideHint());
    this.#send();
  }

  /** Take what the server has: ours of earlier, and the other's. */
  receive(notes) {
    let news = null;
    for (const note of notes) {
      this.last = Math.max(this.last, note.id);
      if (!this.#shown.has(note.id)) {
        this.#shown.add(note.id);
        this.#draw(note);
        if (!note.mine && !this.#isFirst) {
          this.#unread += 1;
          news = note;
        }
      }
    }
    this.#isFirst = false;
    if (news) {
      this.#tell(news);
    }
    this.#read();
  }

  get #isOpen() {
    return !this.#panel.hidden && document.visibilityState === "visible";
  }

  #write() {
    const text = this.#field.value.trim();
    if (!text) {
      return;
    }
    const note = { key: uuid(), text };
    this.#unsent.push(note);
    this.#keep();
    this.#draw({ ...note, mine: true, waits: true });
    this.#field.value = "";
    this.#send();
  }

  #keep() {
    remember("sessionStorage", this.#store, { notes: this.#unsent });
  }

  /** Send what waits, in order; a note sent again under its key is kept once. */
  async #send() {
    if (this.#sending || !this.#unsent.length) {
      return;
    }
    clearTimeout(this.#timer);
    this.#sending = true;
    const [note] = this.#unsent;
    let answer = null;
    try {
      answer = await fetch(this.#config.message, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.#config.token },
        body: JSON.stringify(note),
      });
    } catch {
      // No network just now: it is kept, and tried again.
    }
    this.#sending = false;
    if (answer?.ok && !answer.redirected) {
      this.#sent(note, await answer.json());
    } else if (answer && answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
      await this.#refused(note, answer);
    } else {
      this.#mark(note, "again");
      const wait = AGAIN_MS[Math.min(this.#failures, AGAIN_MS.length - 1)];
      this.#failures += 1;
      this.#timer = setTimeout(() => this.#send(), wait);
      return;
    }
    this.#failures = 0;
    this.#send();
  }

  #sent(note, { id, clock }) {
    this.#forget(note);
    const line = this.#lineOf(note.key);
    if (this.#shown.has(id)) {
      line?.remove(); // the poll was quicker
    } else if (line) {
      this.#shown.add(id);
      delete line.dataset.waits;
      line.querySelector("[data-when]").textContent = clock;
    }
  }

  async #refused(note, answer) {
    this.#forget(note);
    const line = this.#lineOf(note.key);
    let words = this.#config.words.notes.refused;
    try {
      words = (await answer.json()).words || words;
    } catch {
      // No words of the server's: ours then.
    }
    if (line) {
      line.dataset.waits = "refused";
      line.querySelector("[data-when]").textContent = words;
    }
    if (!this.#field.value) {
      this.#field.value = note.text; // nothing typed is lost
    }
    this.#announce(words);
  }

  #forget(note) {
    this.#unsent = this.#unsent.filter((one) => one.key !== note.key);
    this.#keep();
  }

  #lineOf(key) {
    return [...this.#list.children].find((line) => line.dataset.key === key);
  }

  #mark(note, state) {
    const line = this.#lineOf(note.key);
    if (line) {
      line.dataset.waits = state;
      line.querySelector("[data-when]").textContent = this.#config.words.notes[state];
    }
  }

  #draw({ key = "", mine, text, clock = "", waits = false }) {
    const { words, other } = this.#config;
    const line = document.createElement("li");
    line.className = mine ? "note note-mine" : "note";
    line.dataset.key = key;
    const head = document.createElement("p");
    head.className = "note-head";
    const who = document.createElement("strong");
    who.textContent = mine ? words.notes.you : other;
    const when = document.createElement("span");
    when.dataset.when = "";
    when.textContent = clock;
    head.append(who, " ", when);
    const body = document.createElement("p");
    body.className = "note-text";
    body.append(...linked(text));
    line.append(head, body);
    if (waits) {
      line.dataset.waits = "sending";
      when.textContent = words.notes.sending;
    }
    const waiting = this.#list.querySelector("[data-waits]");
    this.#list.insertBefore(line, waits ? null : waiting);
    this.#panel.querySelector("[data-none]").hidden = true;
    this.#list.parentElement.scrollTop = this.#list.parentElement.scrollHeight;
  }

  #tell(note) {
    this.#announce(`${this.#config.words.notes.from} ${note.text}`);
    if (!this.#isOpen) {
      const hint = document.getElementById("new-note");
      hint.querySelector("[data-text]").textContent = note.text;
      hint.hidden = false;
      clearTimeout(this.#hint);
      this.#hint = setTimeout(() => this.#hideHint(), SHOWN_MS);
    }
  }

  #hideHint() {
    document.getElementById("new-note").hidden = true;
  }

  #read() {
    if (this.#isOpen) {
      this.#unread = 0;
      this.#hideHint();
      this.#list.parentElement.scrollTop = this.#list.parentElement.scrollHeight;
    }
    for (const count of document.querySelectorAll("[data-unread]")) {
      count.hidden = !this.#unread;
      count.querySelector("[data-number]").textContent = this.#unread;
    }
  }
}

/** The text with its https addresses as links. */
function linked(text) {
  return text.split(/(https:\/\/[^\s<>"]+[^\s<>".,;:!?)])/).map((part, place) => {
    if (place % 2 === 0) {
      return part;
    }
    const link = document.createElement("a");
    link.href = part;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.textContent = part;
    return link;
  });
}
