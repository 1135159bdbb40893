// Words for what goes wrong: which step fits this browser, and the name put in.

/** Which family of browsers this is, as far as its settings look alike. */
export function familyOf({ userAgent, maxTouchPoints = 0 }) {
  if (/iPhone|iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1)) {
    return "iphone";
  }
  if (/Android/.test(userAgent)) {
    return /Firefox/.test(userAgent) ? "other" : "android";
  }
  if (/Firefox/.test(userAgent)) {
    return "firefox";
  }
  if (/Chrom(e|ium)|Edg/.test(userAgent)) {
    return "chromium";
  }
  return /Safari/.test(userAgent) ? "safari" : "other";
}

/** The text with what stands for a name replaced by it. */
export function filled(text, name) {
  return text.replace("%(name)s", name || "?");
}
