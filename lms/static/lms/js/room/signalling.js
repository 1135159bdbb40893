// All talk with the server: one POST, again and again. What is to be told goes with it and
// is kept until an answer came, so a lost line or a restarted server loses nothing.

import { uuid } from "./uuid.js";

const BATCH_MS = 15; // candidates come in swarms: they go together
const BATCH = 20; // signals in one poll, the server takes no more
const PATIENCE_MS = 6_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
const GONE = new Set([401, 403, 404, 410]);
const REFUSED = new Set([400, 413, 422]);
const TAB = /^[\w-]{1,64}$/;

const isRecord = (thing) => typeof thing === "object" && thing !== null;

function signalOf(raw) {
  const isSound = Number.isInteger(raw?.id) && TAB.test(raw?.from) && isRecord(raw?.body);
  return isSound ? { id: raw.id, from: raw.from, body: raw.body } : null;
}

/**
 * The exchange with the server. Events:
 * `answer` (the server's answer, as it came), `signal` ({from, body}), `gone` ({isSignedOut}:
 * this page is not one of the two any more), `lost` and `back` (the line to the server).
 */
export class Signalling extends EventTarget {
  #address;
  #headers;
  #pace;
  #tell;
  #unsent = [];
  #seen = 0;
  #messages = 0;
  #wantsIce = null;
  #timer = 0;
  #due = Infinity;
  #inFlight = null; // what ends the poll that is under way
  #isAgain = false;
  #failures = 0;
  #isStopped = true;

  /**
   * `pace()` gives the milliseconds to the next poll, or null for none until `poke()`;
   * `tell()` what every poll says besides: `state`, and `quality` now and then.
   */
  constructor({ address, token, tab, pace, tell }) {
    super();
    this.#address = address;
    this.#headers = {
      "Content-Type": "application/json",
      Accept: "application/json",
      "X-CSRFToken": token,
    };
    this.tab = tab;
    this.#pace = pace;
    this.#tell = tell;
  }

  get isLost() {
    return this.#failures > 1;
  }

  start() {
    this.#isStopped = false;
    this.poke();
  }

  /** End it: nothing is sent and nothing told any more. */
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#wantsIce?.resolve(null);
    this.#wantsIce = null;
  }

  /** Queue a signal for the other's page, which goes out at once. */
  send(to, body) {
    this.#unsent.push({ to, key: uuid(), body });
    this.poke(BATCH_MS);
  }

  /** Take back what is not sent yet and `isOld(body, to)`. */
  forget(isOld) {
    this.#unsent = this.#unsent.filter(({ to, body }) => !isOld(body, to));
  }

  /** Poll now, or within `wait` ms, instead of at the next tick. */
  poke(wait = 0) {
    if (this.#isStopped) return;
    if (this.#inFlight) {
      this.#isAgain = true;
    } else {
      this.#schedule(wait);
    }
  }

  /** Do now what is overdue, since a hidden page's timers may sleep. */
  tick() {
    if (performance.now() >= this.#due) this.#poll();
  }

  /** Give up the poll that is under way, on a line that may be dead, and poll anew. */
  retry() {
    this.poke();
    this.#inFlight?.abort();
  }

  /**
   * Ask for fresh ICE servers. Resolves with them, or with null if the line to the server
   * stays lost for `patience` ms.
   */
  freshIce(patience = PATIENCE_MS) {
    if (!this.#wantsIce) {
      const wish = {};
      wish.promise = new Promise((resolve) => {
        wish.resolve = resolve;
      });
      this.#wantsIce = wish;
      this.poke();
    }
    const late = new Promise((resolve) => setTimeout(resolve, patience, null));
    return Promise.race([this.#wantsIce.promise, late]);
  }

  #schedule(wait) {
    const due = performance.now() + wait;
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#poll(), wait);
  }

  async #poll() {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    if (this.#isStopped || this.#inFlight) return;
    this.#inFlight = new AbortController();
    this.#isAgain = false;
    const batch = this.#unsent.slice(0, BATCH);
    const answer = await this.#exchange(batch);
    this.#inFlight = null;
    if (this.#isStopped) return;
    if (answer) this.#take(answer, batch);
    if (!this.#isStopped) this.#next(Boolean(answer));
  }

  #next(isAnswered) {
    if (!isAnswered && !this.#isAgain) {
      const pause = FIRST_PAUSE_MS * 2 ** (this.#failures - 1);
      this.#schedule(Math.min(pause, LONGEST_PAUSE_MS));
    } else if (this.#isAgain || this.#unsent.length > 0) {
      this.#schedule(0);
    } else {
      const pace = this.#pace();
      if (pace !== null) this.#schedule(pace);
    }
  }

  /** One POST; null where no answer came that can be read. */
  async #exchange(batch) {
    const said = {
      tab: this.tab,
      seen: this.#seen,
      messages: this.#messages,
      signals: batch,
      ...this.#tell(),
    };
    if (this.#wantsIce) said.ice = true;
    try {
      const answer = await fetch(this.#address, {
        method: "POST",
        headers: this.#headers,
        body: JSON.stringify(said),
        redirect: "manual",
        signal: AbortSignal.any([this.#inFlight.signal, AbortSignal.timeout(PATIENCE_MS)]),
      });
      const isSignedOut = answer.type === "opaqueredirect"; // it leads to the sign-in
      if (isSignedOut || GONE.has(answer.status)) {
        this.#end(isSignedOut);
        return null;
      }
      const news = answer.ok ? await answer.json() : null;
      if (isRecord(news)) return news;
      if (REFUSED.has(answer.status)) this.#settle(batch); // it would be refused for ever
    } catch {
      // No line, a server that restarts, an answer of somebody in between: tried again.
    }
    this.#fail();
    return null;
  }

  #end(isSignedOut) {
    if (this.#isStopped) return;
    this.stop();
    this.dispatchEvent(new CustomEvent("gone", { detail: { isSignedOut } }));
  }

  #fail() {
    this.#failures += 1;
    if (this.#failures === 2) this.dispatchEvent(new CustomEvent("lost"));
  }

  #settle(batch) {
    const sent = new Set(batch.map(({ key }) => key));
    this.#unsent = this.#unsent.filter(({ key }) => !sent.has(key));
  }

  #take(answer, batch) {
    const wasLost = this.isLost;
    this.#failures = 0;
    this.#settle(batch);
    if (wasLost) this.dispatchEvent(new CustomEvent("back"));
    if (this.#wantsIce && Array.isArray(answer.ice_servers)) {
      this.#wantsIce.resolve(answer.ice_servers);
      this.#wantsIce = null;
    }
    for (const { id } of answer.messages ?? []) {
      this.#messages = Math.max(this.#messages, id);
    }
    this.dispatchEvent(new CustomEvent("answer", { detail: answer }));
    for (const raw of answer.signals ?? []) {
      const signal = signalOf(raw);
      if (signal && signal.id > this.#seen) {
        this.#seen = signal.id;
        this.dispatchEvent(new CustomEvent("signal", { detail: signal }));
      }
    }
  }
}
