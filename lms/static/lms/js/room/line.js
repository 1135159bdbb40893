// What can be done about a weak line: talk without pictures, and have them back.

/** The offers in `root`, shown as the line of `call` asks for them. */
export class Line {
  #root;
  #call;
  #level = "";
  #isTheirs = false; // the other side does without pictures
  #isClosed = false; // until the line was better in between

  constructor(root, call) {
    this.#root = root;
    this.#call = call;
    call.addEventListener("quality", ({ detail }) => {
      if (detail.level !== "weak") this.#isClosed = false;
      this.#level = detail.level;
      this.#show();
    });
    call.addEventListener("other", ({ detail: { other } }) => {
      this.#isTheirs = Boolean(other?.audio_only);
      this.#show();
    });
    root.querySelector("[data-line-close]").addEventListener("click", () => {
      this.#isClosed = true;
      this.#show();
    });
  }

  /** Do without pictures, either way, or bring them back. */
  switch() {
    this.#call.again({ audioOnly: !this.#call.isAudioOnly });
    this.#show();
  }

  #show() {
    const { isAudioOnly } = this.#call;
    const isWeak = this.#level === "weak" && !this.#isClosed;
    this.#root.querySelector("[data-line=weak]").hidden = isAudioOnly || !isWeak;
    this.#root.querySelector("[data-line=sound]").hidden = !isAudioOnly;
    this.#root.querySelector("[data-line=theirs]").hidden = isAudioOnly || !this.#isTheirs;
  }
}
