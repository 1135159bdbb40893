// The room as one sees and touches it: the two pictures, the buttons, the words on how
// things stand. It asks nobody anything: `room.js` tells it, and hears its events
// (leave, reconnect, audio-only, link).

import { Announcer, changesOf } from "./announce.js";
import { Devices } from "./devices.js";
import { FaultList, BRIEF } from "./fault-list.js";
import { canShare, KINDS } from "./media.js";
import { Settings } from "./settings.js";

const QUESTION_MS = 700; // the browser's question is open: say where to look
const COMING_MS = 5000; // until all of one who joins is on
const MOST_CROPPED = 0.3; // of the other's picture; else it is shown whole
const KEYS = {
  m: "microphone",
  c: "camera",
  s: "screen",
  t: "messages",
  a: "agenda",
  d: "devices",
  "?": "keys",
};
const TYPED_IN = "input, select, textarea, [contenteditable], [role=textbox]";
const WIDE = matchMedia("(min-width: 60rem)");

export class Stage extends EventTarget {
  #root;
  #config;
  #words;
  #media = null;
  #other = null;
  #otherSince = 0;
  #announcer;
  #devices = null;
  #question = 0;
  #settings;
  #faults;
  #isOver = false;
  #opener = null; // the button a panel was opened by: focus goes back there

  constructor(root, config) {
    super();
    this.#root = root;
    this.#config = config;
    this.#words = config.words;
    this.#announcer = new Announcer(root.querySelector("#announcer"));
    root.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("keydown", (event) => this.#pressed(event));
    this.#otherVideo.addEventListener("resize", () => this.#fit());
    new ResizeObserver(() => this.#fit()).observe(this.#otherVideo);
    this.#button("screen").hidden = !canShare();
    this.#settings = new Settings(root);
    this.#faults = new FaultList(root, config, () => this.#button("microphone").focus());
    this.open(WIDE.matches ? "agenda" : "");
    this.setState("asking");
    this.setOther(null);
  }

  // --- What room.js tells ------------------------------------------------------------------

  /** Show this side's devices, and let the buttons switch them. */
  setMedia(media) {
    this.#media = media;
    this.#devices = new Devices(this.#root, media, this.#words);
    media.addEventListener("change", () => this.#showOwn());
    media.addEventListener("fault", ({ detail }) => this.fault(detail.kind, detail.name));
    this.#showOwn();
  }

  /** Who else is here, and what of theirs is on. */
  setOther(other) {
    if (other?.tab !== this.#other?.tab) {
      this.#otherSince = Date.now();
    }
    // Whoever has just come switches on what everybody switches on: nothing to tell.
    const isComing = Date.now() - this.#otherSince < COMING_MS;
    const changes = changesOf(this.#other, other).filter(
      (change) => !(isComing && /^(microphone|camera)-on$/.test(change)),
    );
    this.announce(changes.map((change) => this.#words.other[change]).join(" "));
    this.#other = other;
    const root = this.#root;
    root.dataset.other = other ? "here" : "away";
    if (other) {
      root.dataset.came = "yes"; // whoever is away later has left
    }
    root.dataset.otherCamera = other?.camera || other?.screen ? "on" : "off";
    root.dataset.otherMicrophone = !other || other.microphone ? "on" : "off";
    root.dataset.otherScreen = other?.screen ? "on" : "off";
    this.#fit();
  }

  /** The other side's sound and picture. */
  setStream(stream) {
    const video = this.#otherVideo;
    if (video.srcObject !== stream) {
      video.srcObject = stream;
    }
    if (stream) {
      this.#play();
    }
  }

  /** How the connection stands: asking, waiting, connecting, connected, … */
  setState(kind) {
    const before = this.#root.dataset.shown;
    if (before === kind) {
      return;
    }
    this.#root.dataset.shown = kind;
    const [icon, text] = this.#words.states[kind];
    this.#write(this.#root.querySelector("#state"), icon, text);
    if (["reconnecting", "lost"].includes(kind)) {
      this.announce(text);
    } else if (kind === "connected" && ["reconnecting", "lost"].includes(before)) {
      this.announce(text);
    }
  }

  setRoute(route) {
    this.#line("[data-route-words]", this.#words.routes[route] ?? "");
  }

  /** How good the connection is: a word, or the level's name. */
  setQuality(words) {
    this.#line("[data-quality-words]", this.#words.quality[words] ?? words ?? "");
  }

  /** The call is over for this tab: draw the curtain. */
  over({ over, words = "", url = "" }) {
    this.#isOver = true;
    const known = this.#words.over[over] ?? this.#words.over.closed;
    const curtain = this.#root.querySelector("#over");
    const [icon, title, label] = known;
    const use = curtain.querySelector("[data-icon] use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${icon}`));
    curtain.querySelector("[data-title]").textContent = title;
    curtain.querySelector("[data-words]").textContent = words;
    const link = curtain.querySelector("[data-way-on]");
    link.href = url || this.#config.after;
    link.querySelector("span").textContent = label;
    const back = curtain.querySelector("[data-call-page]");
    back.hidden = link.pathname === new URL(back.href).pathname;
    this.#root.dataset.curtain = over;
    this.#otherVideo.srcObject = null;
    this.#root.querySelector("[data-faults]").replaceChildren();
    for (const dialog of this.#root.querySelectorAll("dialog[open]")) {
      dialog.close();
    }
    this.open("");
    curtain.hidden = false;
    for (const part of this.#root.querySelectorAll("[data-hidden-when-over]")) {
      part.hidden = true;
    }
    curtain.querySelector("[data-title]").focus();
  }

  /** Say what does not work, and the next step. */
  fault(kind, name = "") {
    if (!this.#isOver) {
      this.announce(this.#faults.show(kind, name), { isSeen: false });
    }
  }

  /** Say it to screen readers, and for a while on the picture. */
  announce(text, { isSeen = true } = {}) {
    if (text) {
      this.#announcer.say(text, { isSeen });
    }
  }

  /** Open the agenda, the text notes, or neither. */
  open(name) {
    const root = this.#root;
    root.dataset.panel = name;
    for (const panel of root.querySelectorAll("[data-panel-name]")) {
      panel.hidden = panel.dataset.panelName !== name;
    }
    for (const [button, panel] of [
      ["agenda", "agenda"],
      ["messages", "notes"],
    ]) {
      this.#button(button).setAttribute("aria-expanded", String(panel === name));
    }
    root.dispatchEvent(new Event("panel"));
  }

  // --- Parts -------------------------------------------------------------------------------

  get #otherVideo() {
    return this.#root.querySelector("#other-video");
  }

  #button(name) {
    return this.#root.querySelector(`.room-controls [data-do=${name}]`);
  }

  #write(place, icon, text) {
    const use = place.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${icon}`));
    place.querySelector("span").textContent = text;
  }

  #line(selector, text) {
    const place = this.#root.querySelector(selector);
    place.textContent = text;
    place.hidden = !text;
  }

  async #play() {
    const video = this.#otherVideo;
    try {
      await video.play();
      if (!video.muted) {
        this.#faults.clear(([kind]) => kind === "sound");
      }
    } catch (error) {
      if (error.name === "NotAllowedError" && !video.muted) {
        video.muted = true; // the picture at least, until they click
        video.play().catch(() => {});
        this.fault("sound-blocked");
      }
    }
  }

  #soundOn() {
    this.#otherVideo.muted = false;
    this.#play();
  }

  /** Fill the stage with the face, unless that would cut off too much. */
  #fit() {
    const video = this.#otherVideo;
    const { videoWidth, videoHeight, clientWidth, clientHeight } = video;
    if (!videoWidth || !clientWidth) {
      return;
    }
    const ratio = videoWidth / videoHeight / (clientWidth / clientHeight);
    const cropped = 1 - Math.min(ratio, 1 / ratio);
    const isWhole = this.#other?.screen || cropped > MOST_CROPPED;
    video.dataset.fit = isWhole ? "whole" : "full";
  }

  // --- This side ---------------------------------------------------------------------------

  #showOwn() {
    const media = this.#media;
    const { state } = media;
    for (const [kind, on] of Object.entries(state)) {
      const button = this.#button(kind);
      const words = this.#words.buttons[kind];
      button.setAttribute("aria-pressed", String(on));
      button.title = `${on ? words.off : words.on} (${words.key})`;
      const [iconOn, iconOff] = words.icons;
      const use = button.querySelector("use");
      const icon = on ? iconOn : iconOff;
      use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${icon}`));
      button.dataset.trouble = KINDS.includes(kind) && media.why(kind) ? "yes" : "no";
      this.#root.dataset[`own${kind[0].toUpperCase()}${kind.slice(1)}`] = on ? "on" : "off";
    }
    this.#showPicture();
    this.#watchQuestion();
    this.#faults.clear(([kind]) => KINDS.includes(kind) && state[kind], BRIEF);
    this.#faults.clear(([kind]) => kind === "both" && (state.microphone || state.camera));
    this.#otherVideo.setSinkId?.(media.speaker).catch(() => {});
  }

  #showPicture() {
    const video = this.#root.querySelector("#own-video");
    const track = this.#media.cameraTrack;
    if (video.srcObject?.getVideoTracks()[0] !== (track ?? undefined)) {
      video.srcObject = track ? new MediaStream([track]) : null;
    }
  }

  #watchQuestion() {
    clearTimeout(this.#question);
    const place = this.#root.querySelector("[data-question]");
    if (this.#media.asking) {
      this.#question = setTimeout(() => (place.hidden = false), QUESTION_MS);
    } else {
      place.hidden = true;
    }
  }

  // --- Buttons and keys ----------------------------------------------------------------------

  #clicked(event) {
    const button = event.target.closest("[data-do], [data-act], [data-close]");
    if (!button || button.disabled) {
      return;
    }
    if (button.dataset.close !== undefined) {
      this.#faults.remove(button.closest("[data-fault]"));
    } else if (button.dataset.act) {
      this.#act(button.dataset.act, button.closest("[data-fault]"));
    } else {
      this.#do(button.dataset.do, button);
    }
  }

  #act(act, line) {
    if (act === "try") {
      const kinds = KINDS.filter((kind) => this.#media.why(kind));
      this.#faults.remove(line);
      this.#media.start({
        audio: kinds.includes("microphone"),
        video: kinds.includes("camera"),
      });
    } else if (act === "sound") {
      this.#soundOn();
    } else if (act === "devices") {
      this.#devices.open();
    } else if (act === "link") {
      this.dispatchEvent(new Event("link"));
    }
  }

  #do(name, button) {
    if (KINDS.includes(name) || name === "screen") {
      this.#media?.set(name, !this.#media.state[name]);
    } else if (name === "messages" || name === "agenda") {
      this.#toggle(name === "messages" ? "notes" : "agenda", button);
    } else if (name === "close-panel") {
      this.#closePanel();
    } else if (name === "devices") {
      this.#devices?.open();
    } else if (name === "keys" || name === "elsewhere") {
      this.#root.querySelector(`#${name}`).showModal();
    } else if (name === "hide-self" || name === "show-self") {
      this.#settings.set("hidden", name === "hide-self");
      const other = name === "hide-self" ? "show-self" : "hide-self";
      this.#root.querySelector(`.own [data-do=${other}]`).focus();
    } else if (name === "close-dialog") {
      button.closest("dialog").close();
    } else if (["leave", "reconnect", "audio-only", "link"].includes(name)) {
      if (button.type !== "submit" && !button.closest("#ladder")) {
        this.dispatchEvent(new Event(name));
      }
    }
  }

  #toggle(name, button) {
    const isOpen = this.#root.dataset.panel === name;
    if (isOpen) {
      this.#closePanel();
      return;
    }
    this.open(name);
    this.#opener = button;
    const panel = this.#root.querySelector(`[data-panel-name=${name}]`);
    (panel.querySelector("textarea[data-first]") ?? panel.querySelector("h2")).focus();
  }

  #closePanel() {
    const name = this.#root.dataset.panel;
    this.open("");
    (this.#opener ?? this.#button(name === "notes" ? "messages" : "agenda")).focus();
    this.#opener = null;
  }

  #pressed(event) {
    const isTyped = event.target.closest?.(TYPED_IN);
    const isDialog = this.#root.querySelector("dialog[open]");
    if (event.key === "Escape" && !isDialog && event.target.closest?.("[data-panel-name]")) {
      this.#closePanel();
      return;
    }
    const withMore = event.ctrlKey || event.metaKey || event.altKey || event.repeat;
    if (this.#isOver || isTyped || isDialog || withMore || this.#settings.noKeys) {
      return;
    }
    const name = KEYS[event.key.toLowerCase()];
    const button = name && (this.#button(name) ?? this.#root.querySelector(`[data-do=${name}]`));
    if (!button || (button.hidden && name !== "screen")) {
      return; // where no screen can be shown there is no button, and the key says why
    }
    event.preventDefault();
    this.#do(name, button);
    if (KINDS.includes(name)) {
      // A button that was pressed says its state itself; a letter does not.
      const isOn = this.#media.state[name];
      this.announce(this.#words.own[`${name}-${isOn ? "on" : "off"}`], { isSeen: false });
    }
  }
}
