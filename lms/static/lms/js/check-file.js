// Is this PDF genuine: its bytes are hashed here and compared, nothing is uploaded. Only
// where they are not those of the page's certificate is the hash asked about.

const LARGEST = 20 * 1024 * 1024;
const section = document.querySelector("[data-check-file]");
const zone = section?.querySelector("[data-drop]");
const input = zone?.querySelector("input");
const result = section?.querySelector("[data-result]");
let asked = 0; // which file was dropped last: an earlier one's answer comes too late

// --- Hashing ----------------------------------------------------------------------------

// Without TLS a browser has no crypto.subtle, so this is SHA-256 as FIPS 180-4 has it.
const PRIMES = [];
for (let number = 2; PRIMES.length < 64; number += 1) {
  if (PRIMES.every((prime) => number % prime)) PRIMES.push(number);
}
const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) >>> 0;
const turned = (word, by) => (word >>> by) | (word << (32 - by));

function digestHere(bytes) {
  const hash = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
  const rounds = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length << 3);
  const words = new Uint32Array(64);
  for (let start = 0; start < padded.length; start += 64) {
    for (let at = 0; at < 64; at += 1) {
      if (at < 16) {
        words[at] = view.getUint32(start + at * 4);
      } else {
        const near = words[at - 2];
        const far = words[at - 15];
        words[at] =
          words[at - 16] +
          (turned(far, 7) ^ turned(far, 18) ^ (far >>> 3)) +
          words[at - 7] +
          (turned(near, 17) ^ turned(near, 19) ^ (near >>> 10));
      }
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let at = 0; at < 64; at += 1) {
      const one = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
      const first = (h + one + ((e & f) ^ (~e & g)) + rounds[at] + words[at]) >>> 0;
      const zero = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
      const second = (zero + ((a & b) ^ (a & c) ^ (b & c))) >>> 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) >>> 0, c, b, a, (first + second) >>> 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, at) => {
      hash[at] += word;
    });
  }
  return [...hash].map((word) => word.toString(16).padStart(8, "0")).join("");
}

async function digest(bytes) {
  if (!globalThis.crypto?.subtle) return digestHere(bytes);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- What the bytes say -----------------------------------------------------------------

// How long the file was when it was sealed, by what its first seal covers.
function sealedLength(text) {
  const range = /\/ByteRange\s*\[\s*\d+\s+\d+\s+(\d+)\s+(\d+)/.exec(text);
  return range ? Number(range[1]) + Number(range[2]) : 0;
}

// What it names: the file's own identifier, which programs keep when they save anew. It is
// a certificate's serial, or a statement's behind a word.
function namedBy(text) {
  const found = /\/ID\s*\[\s*(?:\(([\w-]{13,23})\)|<([0-9A-Fa-f]{26,46})>)/.exec(text);
  const symbols =
    found?.[1] ?? found?.[2]?.replace(/../g, (code) => String.fromCharCode(parseInt(code, 16)));
  const parts = /^(statement-)?([0-9A-Z]{13})$/.exec(symbols ?? "");
  const kind = parts?.[1] ? "statement" : "certificate";
  return { kind, serial: parts ? parts[2].match(/.{1,4}/g).join("-") : "" };
}

// Of which certificate or statement a hash is; "" where of none, null if not known.
async function owner(hash) {
  try {
    const answer = await fetch(section.dataset.ask.replace(/0$/, hash), {
      headers: { Accept: "application/json" },
    });
    if (answer.status === 404) return "";
    if (!answer.ok) return null;
    const said = await answer.json();
    return { kind: said.statement ? "statement" : "certificate", serial: said.serial };
  } catch {
    return null;
  }
}

// Judge a file: what is said of it, and the serial that it leads to.
async function judge(bytes) {
  const { sha256, bytes: length, serial, kind, sample } = section.dataset;
  const text = new TextDecoder("latin1").decode(bytes);
  if (!text.slice(0, 1024).includes("%PDF-")) return ["no-pdf"];
  const hash = await digest(bytes);
  if (hash === sha256) return ["genuine"];
  const named = namedBy(text);
  if (named.serial === sample) return ["sample"];
  for (const end of new Set([Number(length), sealedLength(text)])) {
    if (end && end < bytes.length) {
      const sealed = await digest(bytes.subarray(0, end));
      if (sealed === sha256 || (await owner(sealed))) return ["added"];
    }
  }
  const found = await owner(hash);
  if (found?.kind === "statement") return ["statement", found.serial];
  if (found) return [serial && found.kind === kind ? "other" : "genuine-elsewhere", found.serial];
  if (named.serial && named.serial === serial) return ["changed"];
  if (named.serial) return [`changed-${named.kind}`, named.serial];
  return [found === null ? "not-asked" : "unknown"];
}

// --- Saying it --------------------------------------------------------------------------

function say(what, serial) {
  const said = section.querySelector(`[data-says="${what}"]`).content.cloneNode(true);
  const link = said.querySelector("a");
  if (link) link.href = section.dataset.page.replace(/0$/, serial);
  result.dataset.said = what;
  result.replaceChildren(said);
}

async function check(file) {
  asked += 1;
  const mine = asked;
  result.replaceChildren();
  delete result.dataset.said;
  let words = ["too-large"];
  if (file.size <= LARGEST) {
    try {
      words = await judge(new Uint8Array(await file.arrayBuffer()));
    } catch {
      words = ["unread"];
    }
  }
  if (mine === asked) say(...words);
}

if (section) {
  zone.hidden = false;
  input.addEventListener("change", () => {
    if (input.files[0]) check(input.files[0]);
  });
  // Anywhere on the page, so that a file which misses the zone does not open instead.
  let inside = 0;
  const over = (change) => {
    inside = Math.max(0, inside + change);
    zone.classList.toggle("is-over", inside > 0);
  };
  const hasFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => hasFile(event) && over(1));
  document.addEventListener("dragleave", (event) => hasFile(event) && over(-1));
  document.addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    over(-inside);
    input.value = "";
    if (event.dataTransfer.files[0]) check(event.dataTransfer.files[0]);
  });
}
