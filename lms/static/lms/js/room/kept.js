// What was typed and is not with the server yet, kept in this browser. A browser may
// refuse (private windows, a full disk): then it is kept in the page alone.

const KEPT_MS = 7 * 24 * 60 * 60 * 1000; // older words are not put back

export function remember(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // the page has it
  }
}

export function recall(key) {
  try {
    const value = JSON.parse(localStorage.getItem(key));
    return value && Date.now() - value.at < KEPT_MS ? value : null;
  } catch {
    return null;
  }
}

export function forget(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // nothing was kept
  }
}

/** Forget all whose key begins so. */
export function forgetAll(start) {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(start)) {
        forget(key);
      }
    }
  } catch {
    // nothing was kept
  }
}
