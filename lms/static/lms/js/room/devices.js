// The dialog of devices: three choices, one's picture, and how loud one is.

import { listen } from "./media.js";

export class Devices {
  #dialog;
  #media;
  #words;
  #hush = () => {};
  #heard = null;

  constructor(root, media, words) {
    this.#dialog = root.querySelector("#devices");
    this.#media = media;
    this.#words = words;
    this.#dialog.addEventListener("close", () => this.#rest());
    this.#dialog.addEventListener("change", ({ target }) => {
      if (target.dataset.device) {
        media.use(target.dataset.device, target.value);
      }
    });
    for (const event of ["change", "devices"]) {
      media.addEventListener(event, () => this.#dialog.open && this.#show());
    }
  }

  open() {
    if (!this.#dialog.open) {
      this.#dialog.showModal();
    }
    this.#show();
  }

  async #show() {
    const track = this.#media.cameraTrack;
    const picture = this.#dialog.querySelector("video");
    if (picture.srcObject?.getTracks()[0] !== (track ?? undefined)) {
      picture.srcObject = track ? new MediaStream([track]) : null;
    }
    this.#dialog.querySelector("[data-no-picture]").hidden = Boolean(track);
    this.#listen(this.#media.audioTrack);
    const found = await this.#media.devices();
    for (const select of this.#dialog.querySelectorAll("[data-device]")) {
      this.#fill(select, found[select.dataset.device]);
    }
  }

  #fill(select, devices) {
    const named = devices.filter((device) => device.name);
    const options = named.map(({ id, name, used }) => new Option(name, id, used, used));
    const isSpeaker = select.dataset.device === "speaker";
    const canChoose = !isSpeaker || "setSinkId" in HTMLMediaElement.prototype;
    if (!options.length || !canChoose) {
      options.splice(0, options.length, new Option(this.#words.devices[isSpeaker ? "usual" : "none"], ""));
    }
    select.replaceChildren(...options);
    select.disabled = !named.length || !canChoose;
  }

  #listen(track) {
    const level = this.#dialog.querySelector(".level");
    if (track === this.#heard) {
      return;
    }
    this.#hush();
    this.#hush = () => {};
    this.#heard = track;
    level.value = 0;
    if (track) {
      this.#hush = listen(track, (loudness) => (level.value = loudness));
    }
  }

  #rest() {
    this.#hush();
    this.#hush = () => {};
    this.#heard = null;
    this.#dialog.querySelector("video").srcObject = null;
  }
}
