// How somebody wants the room, kept in their browser: their own picture shown, and
// mirrored; single letters as keys.

import { remember, remembered } from "./media.js";

const PLACE = ["localStorage", "room-settings"];

export class Settings {
  #root;
  #values = remembered(...PLACE);

  /** The boxes in `root` change them, and show them. */
  constructor(root) {
    this.#root = root;
    for (const box of root.querySelectorAll("[data-setting]")) {
      const { setting } = box.dataset;
      box.addEventListener("change", () => {
        const isOff = setting.startsWith("no") || setting === "hidden";
        this.set(setting, isOff ? !box.checked : box.checked);
      });
    }
    this.#show();
  }

  get noKeys() {
    return this.#values.noKeys;
  }

  set(name, value) {
    this.#values = { ...this.#values, [name]: value };
    remember(...PLACE, this.#values);
    this.#show();
  }

  #show() {
    const { hidden = false, plain = false, noKeys = false } = this.#values;
    this.#root.dataset.self = hidden ? "hidden" : "shown";
    this.#root.dataset.mirror = plain ? "no" : "yes";
    for (const box of this.#root.querySelectorAll("[data-setting]")) {
      box.checked = { hidden: !hidden, plain, noKeys: !noKeys }[box.dataset.setting];
    }
  }
}
