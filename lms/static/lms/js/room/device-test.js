// The test page: camera, microphone, speaker and network, each with its result in words.

import { familyOf, filled } from "./faults.js";
import { listen, Media, obstacle } from "./media.js";

const HEARD = 0.3; // of the level: speech, not the room's own noise
const PATIENCE_MS = 6000; // to be heard
const GATHERING_MS = 8000;
const ICONS = {
  idle: "circle",
  busy: "clock",
  good: "check-circle",
  warn: "alert",
  bad: "alert",
};
const TONES = { idle: "quiet", busy: "quiet", good: "good", warn: "warn", bad: "bad" };

const root = document.getElementById("device-test");
const config = JSON.parse(document.getElementById("device-test-config").textContent);
const words = config.words;
const results = { camera: "idle", microphone: "idle", speaker: "idle", network: "idle" };
let media = null;
let hush = () => {};
let sound = null;

const part = (name) => root.querySelector(`[data-part=${name}]`);

/** Say how one part went: its state as word and icon, what it means, what to do. */
function say(name, state, text = "", act = "") {
  const place = part(name);
  const chip = place.querySelector("[data-state]");
  const use = chip.querySelector("use");
  results[name] = state;
  place.dataset.result = state;
  chip.className = `status tone-${TONES[state]}`;
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${ICONS[state]}`));
  chip.querySelector("span").textContent = words.states[state];
  place.querySelector("[data-words]").textContent = text;
  const button = place.querySelector("[data-do=try]");
  if (button) {
    button.hidden = !act;
    button.textContent = config.acts[act] ?? "";
  }
  sumUp();
}

function sumUp() {
  const all = Object.values(results);
  const place = root.querySelector("[data-summary]");
  const isOver = !all.includes("busy") && all.some((one) => one !== "idle");
  const worst = ["bad", "warn", "idle", "good"].find((one) => all.includes(one));
  const text = isOver && worst !== "idle" ? words.summary[worst] : "";
  if (place.textContent !== text) {
    place.textContent = text;
    place.dataset.result = worst;
  }
}

// --- Camera and microphone -------------------------------------------------------------
const CONCERNS = {
  insecure: ["camera", "microphone", "network"],
  "no-webrtc": ["camera", "microphone", "network"],
  both: ["camera", "microphone"],
  camera: ["camera"],
  microphone: ["microphone"],
};

function fault({ kind, name }) {
  const { title, step, act, tone, steps } = config.faults[kind];
  const [about] = kind.split("-");
  const text = `${title}. ${filled(steps[familyOf(navigator)] ?? step, name)}`;
  const again = act && act !== "link" ? "try" : "";
  const isGood = tone === "good" || kind.endsWith("replaced");
  for (const one of CONCERNS[kind] ?? CONCERNS[about] ?? []) {
    if (!isGood) {
      say(one, one === "camera" && tone === "info" ? "warn" : "bad", text, again);
    }
  }
}

function show() {
  const picture = document.getElementById("test-picture");
  const camera = media.cameraTrack;
  const blank = root.querySelector("[data-blank]");
  if (camera) {
    if (picture.srcObject?.getTracks()[0] !== camera) {
      picture.srcObject = new MediaStream([camera]);
    }
    say("camera", "good", filled(words.camera.good, camera.label));
  } else {
    picture.srcObject = null;
  }
  picture.hidden = !camera;
  blank.hidden = Boolean(camera);
  hear(media.audioTrack);
  offerChoices();
}

let heard = null; // the track that is listened to

function hear(track) {
  const level = document.getElementById("test-level");
  level.hidden = !track;
  if (track === heard) {
    return;
  }
  hush();
  hush = () => {};
  heard = track;
  if (!track) {
    return;
  }
  say("microphone", "busy", words.microphone.busy);
  const patience = setTimeout(() => {
    if (results.microphone === "busy") {
      say("microphone", "warn", filled(words.microphone.quiet, track.label));
    }
  }, PATIENCE_MS);
  const end = listen(track, (loudness) => {
    level.value = loudness;
    if (loudness >= HEARD && results.microphone !== "good") {
      say("microphone", "good", filled(words.microphone.good, track.label));
    }
  });
  hush = () => {
    clearTimeout(patience);
    end();
  };
}

async function offerChoices() {
  const found = await media.devices();
  for (const select of root.querySelectorAll("[data-device]")) {
    const kind = select.dataset.device;
    const devices = found[kind].filter((device) => device.name);
    select.replaceChildren(
      ...devices.map(({ id, name, used }) => new Option(name, id, used, used)),
    );
    const canChoose = kind !== "speaker" || "setSinkId" in AudioContext.prototype;
    select.closest("[data-choice]").hidden = devices.length < 2 || !canChoose;
  }
}

async function tryDevices() {
  say("camera", "busy");
  say("microphone", "busy");
  await media.start();
}

// --- Speaker -------------------------------------------------------------------------------
async function playTone() {
  sound ??= new AudioContext();
  await sound.resume();
  try {
    await sound.setSinkId?.(media?.speaker ?? "");
  } catch {
    // The chosen one is gone: the usual one plays.
  }
  for (const [start, pitch] of [
    [0, 523],
    [0.45, 659],
  ]) {
    const at = sound.currentTime + start;
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.25, at + 0.05);
    volume.gain.linearRampToValueAtTime(0, at + 0.7);
    tone.connect(volume).connect(sound.destination);
    tone.start(at);
    tone.stop(at + 0.75);
  }
  say("speaker", "busy", words.speaker.asked);
  answers(true);
}

function answers(are) {
  for (const name of ["heard", "silence"]) {
    part("speaker").querySelector(`[data-do=${name}]`).hidden = !are;
  }
}

// --- Network -------------------------------------------------------------------------------
/** The kinds of ways the browser finds out of this network: host, srflx, relay. */
async function waysOut() {
  const found = new Set();
  const peer = new RTCPeerConnection({ iceServers: config.ice_servers });
  const done = new Promise((resolve) => {
    setTimeout(resolve, GATHERING_MS);
    peer.addEventListener("icecandidate", ({ candidate }) => {
      if (!candidate) {
        resolve();
      } else if (candidate.candidate) {
        found.add(candidate.type);
      }
    });
  });
  peer.createDataChannel("test");
  await peer.setLocalDescription();
  await done;
  peer.close();
  return found;
}

async function tryNetwork() {
  if (obstacle()) {
    return; // said with camera and microphone
  }
  say("network", "busy");
  const found = await waysOut();
  const asked = config.ice_servers.flatMap(({ urls }) => urls);
  if (found.has("relay")) {
    say("network", "good", words.network.relay);
  } else if (asked.some((url) => url.startsWith("turn"))) {
    say("network", "warn", words.network["no-relay"], "try");
  } else if (found.has("srflx")) {
    say("network", "good", words.network.direct);
  } else if (found.size) {
    say("network", asked.length ? "warn" : "good", words.network.unasked);
  } else {
    say("network", "bad", words.network.none, "try");
  }
}

// --- All together ----------------------------------------------------------------------------
function begin() {
  media = new Media();
  media.addEventListener("change", show);
  media.addEventListener("devices", offerChoices);
  media.addEventListener("fault", (event) => fault(event.detail));
  root.querySelector("[data-do=start]").hidden = true;
  tryDevices();
  tryNetwork();
}

root.addEventListener("click", (event) => {
  const name = event.target.closest("[data-do]")?.dataset.do;
  const place = event.target.closest("[data-part]")?.dataset.part;
  if (name === "start") {
    begin();
  } else if (name === "tone") {
    playTone();
  } else if (name === "heard" || name === "silence") {
    answers(false);
    const state = name === "heard" ? "good" : "bad";
    say("speaker", state, words.speaker[state]);
  } else if (name === "try" && place === "network") {
    tryNetwork();
  } else if (name === "try") {
    tryDevices();
  }
});

root.addEventListener("change", (event) => {
  const kind = event.target.dataset.device;
  if (kind) {
    media.use(kind, event.target.value);
  }
});

addEventListener("pagehide", () => media?.stop());

for (const name of Object.keys(results)) {
  say(name, "idle", words[name].idle);
}
root.hidden = false;
