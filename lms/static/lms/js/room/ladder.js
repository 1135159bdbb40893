// What can be tried when there is no picture and no sound for a while. Each rung says what
// it does, and afterwards whether it helped.

const PATIENCE_MS = 15_000;

/** The rungs in `part`, shown while `call` is in trouble. */
export class Ladder {
  #part;
  #call;
  #trial = null; // the rung that is being tried, and its timer

  constructor(part, call) {
    this.#part = part;
    this.#call = call;
    part.addEventListener("click", ({ target }) => {
      const name = target.closest("[data-do]")?.dataset.do;
      if (name === "again") this.#try(name, {});
      if (name === "relay") this.#try(name, { relayOnly: true });
      if (name === "audio-only") this.#try(name, { audioOnly: true });
    });
    call.addEventListener("state", ({ detail }) => this.#follow(detail));
    call.addEventListener("other", () => this.#follow(call.standing));
    call.addEventListener("norelay", () => this.#settle("refused"));
  }

  #follow({ state, trouble, signalling }) {
    if (state === "connected") this.#clear();
    this.#part.hidden = !trouble;
    if (trouble) this.#show(signalling);
  }

  /** Offer what may help: nothing does while one of the two is not on the network. */
  #show(isOnline) {
    const { hasRelay, isOtherQuiet } = this.#call;
    const isPossible = isOnline && !isOtherQuiet;
    const rungs = { again: isPossible, relay: isPossible && hasRelay, "audio-only": isPossible };
    for (const [name, isShown] of Object.entries(rungs)) {
      this.#part.querySelector(`[data-rung=${name}]`).hidden = !isShown;
    }
    const words = {
      offline: !isOnline,
      quiet: isOnline && isOtherQuiet,
      ways: isPossible,
      "no-relay": isPossible && !hasRelay,
    };
    for (const [name, isShown] of Object.entries(words)) {
      this.#part.querySelector(`[data-word=${name}]`).hidden = !isShown;
    }
  }

  #try(name, how) {
    this.#clear();
    this.#say(name, "trying");
    const timer = setTimeout(() => this.#settle("failed"), PATIENCE_MS);
    this.#trial = { name, timer };
    this.#call.again(how);
  }

  #settle(outcome) {
    if (!this.#trial) return;
    const { name, timer } = this.#trial;
    clearTimeout(timer);
    this.#trial = null;
    this.#say(name, outcome);
  }

  #clear() {
    clearTimeout(this.#trial?.timer);
    this.#trial = null;
    for (const outcome of this.#part.querySelectorAll("[data-outcome]")) {
      outcome.textContent = "";
    }
  }

  #say(name, outcome) {
    const place = this.#part.querySelector(`[data-rung=${name}] [data-outcome]`);
    place.textContent = place.dataset[outcome] ?? place.dataset.failed;
  }
}
