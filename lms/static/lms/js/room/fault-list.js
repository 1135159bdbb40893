// What does not work, as lines over the picture: each with its next step, and its button
// where there is something to press.

import { familyOf, filled } from "./faults.js";

const BRIEF_MS = 12_000; // of what only tells, and asks nothing
export const BRIEF = [
  "microphone-replaced",
  "microphone-found",
  "camera-replaced",
  "camera-found",
];

export class FaultList {
  #root;
  #config;
  #giveFocus;

  /** `giveFocus()` finds another place for it, where the line that has it goes. */
  constructor(root, config, giveFocus) {
    this.#root = root;
    this.#config = config;
    this.#giveFocus = giveFocus;
  }

  /** Show one, in place of those on the same device; return it in words. */
  show(kind, name) {
    const { faults, acts } = this.#config.words;
    const fault = faults[kind];
    const title = fault.title;
    const step = filled(fault.steps[familyOf(navigator)] ?? fault.step, name);
    const model = this.#root.querySelector("#fault-model");
    const line = model.content.firstElementChild.cloneNode(true);
    this.clear(([about]) => about === kind.split("-")[0] || about === "both");
    line.dataset.fault = kind;
    line.classList.add(`tone-${fault.tone}`);
    line.querySelector("[data-title]").textContent = title;
    line.querySelector("[data-step]").textContent = step;
    const button = line.querySelector("[data-act]");
    const isPossible = fault.act && (fault.act !== "link" || this.#config.link);
    button.hidden = !isPossible;
    button.dataset.act = fault.act;
    button.textContent = acts[fault.act] ?? "";
    this.#root.querySelector("[data-faults]").append(line);
    if (BRIEF.includes(kind) || kind === "screen-denied") {
      setTimeout(() => line.remove(), BRIEF_MS);
    }
    return `${title}. ${step}`;
  }

  /** Take away the faults whose kind's words are so. */
  clear(isSo, except = []) {
    for (const line of this.#root.querySelectorAll("[data-fault]")) {
      const kind = line.dataset.fault;
      if (isSo(kind.split("-")) && !except.includes(kind)) {
        this.remove(line);
      }
    }
  }

  remove(line) {
    if (line.contains(document.activeElement)) {
      this.#giveFocus();
    }
    line.remove();
  }
}
