// What the trainee wants to ask: saved as it is typed, and kept in this browser until the
// server has it. What another page of theirs wrote meanwhile is kept beside it. Without
// script the form saves by its button.

import { forget, recall, remember } from "./kept.js";
import { bothTexts } from "./merging.js";

const QUIET_MS = 700; // after the last key, before it is sent
const AGAIN_MS = [1000, 2000, 4000, 8000, 15000]; // after a try that did not arrive
const JSON_ANSWER = { Accept: "application/json" };

class Question {
  #form;
  #field;
  #key;
  #known; // what the server has
  #isSending = false;
  #tries = 0;
  #timer = 0;

  constructor(form) {
    this.#form = form;
    this.#field = form.elements.question;
    this.#key = `question:${form.dataset.question}`;
    this.#known = this.#field.value.trim();
    this.#field.addEventListener("input", () => this.#changed());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    addEventListener("online", () => this.#changed());
    addEventListener("pagehide", () => this.#leave());
    this.#putBack();
  }

  get #typed() {
    return this.#field.value.trim();
  }

  #putBack() {
    const kept = recall(this.#key);
    if (!kept) return;
    this.#write(bothTexts(kept.known, kept.said, this.#known));
    if (this.#typed !== this.#known) this.#say(this.#form.dataset.found);
    this.#changed();
  }

  #changed() {
    clearTimeout(this.#timer);
    if (this.#typed === this.#known) {
      forget(this.#key);
      return;
    }
    remember(this.#key, { said: this.#typed, known: this.#known, at: Date.now() });
    this.#timer = setTimeout(() => this.#save(), QUIET_MS);
  }

  #body() {
    const body = new URLSearchParams(new FormData(this.#form));
    body.set("question", this.#typed);
    body.set("base", this.#known);
    return body;
  }

  async #save() {
    clearTimeout(this.#timer);
    if (this.#isSending || !this.#form.isConnected) return;
    this.#isSending = true;
    const said = this.#typed;
    try {
      const answer = await fetch(this.#form.action, {
        method: "POST",
        headers: JSON_ANSWER,
        body: this.#body(),
        signal: AbortSignal.timeout(10_000),
      });
      const news = await answer.json(); // signed out, or a fault: no JSON
      this.#tries = 0;
      this.#say(news.words);
      if (answer.ok) this.#take(said, news.question);
    } catch {
      this.#say(this.#form.dataset.waiting);
      const pause = AGAIN_MS[Math.min(this.#tries++, AGAIN_MS.length - 1)];
      this.#timer = setTimeout(() => this.#save(), pause);
    } finally {
      this.#isSending = false;
    }
  }

  #take(said, theirs) {
    this.#known = theirs;
    this.#write(bothTexts(said, this.#typed, theirs));
    this.#changed();
  }

  #write(text) {
    if (this.#typed !== text) this.#field.value = text;
  }

  #say(words) {
    const place = this.#form.querySelector("[data-question-said]");
    if (place.textContent !== words) place.textContent = words;
  }

  // The page goes: what is not sent yet goes after it.
  #leave() {
    if (this.#typed === this.#known) return;
    fetch(this.#form.action, {
      method: "POST",
      headers: JSON_ANSWER,
      body: this.#body(),
      keepalive: true,
    }).catch(() => {});
  }
}

for (const form of document.querySelectorAll("form[data-question]")) new Question(form);
