// What happened, line by line: read out by screen readers, seen for a while by all.

const SEEN_MS = 6000;
const MOST = 3; // lines at once: older ones give way

export class Announcer {
  #place;

  constructor(place) {
    this.#place = place;
  }

  /**
   * Say it, beside what was said just before. The same words again are read again, as
   * each is a line of its own. What stands elsewhere on the page need not be seen here.
   */
  say(text, { isSeen = true } = {}) {
    const line = document.createElement("span");
    line.textContent = text;
    line.className = isSeen ? "" : "visually-hidden";
    this.#place.append(line);
    while (this.#place.children.length > MOST) {
      this.#place.firstElementChild.remove();
    }
    setTimeout(() => line.remove(), SEEN_MS);
  }
}

/** What became different about the other side, as kinds of words. */
export function changesOf(before, after) {
  if (!before || !after) {
    return before ? ["left"] : after ? ["joined"] : [];
  }
  const changes = [];
  if (before.tab !== after.tab) {
    changes.push("joined-again");
  }
  for (const kind of ["microphone", "camera", "screen"]) {
    if (Boolean(before[kind]) !== Boolean(after[kind])) {
      changes.push(`${kind}-${after[kind] ? "on" : "off"}`);
    }
  }
  if (Boolean(before.audio_only) !== Boolean(after.audio_only)) {
    changes.push(`pictures-${after.audio_only ? "off" : "on"}`);
  }
  return changes;
}
