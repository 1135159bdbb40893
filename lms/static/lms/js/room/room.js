// The room's page: makes the parts and lets them hear of each other.

import { startAgenda } from "./agenda.js";
import { startBoard } from "./board.js";
import { Call } from "./call.js";
import { Ladder } from "./ladder.js";
import { Line } from "./line.js";
import { Media } from "./media.js";
import { Messages } from "./messages.js";
import "./question.js";
import { Stage } from "./stage.js";

const QUESTION_MS = 1_000; // longer, and one hears and writes before it is answered

const READ_MS = 4_000; // why one is taken elsewhere

const root = document.getElementById("room");
const config = JSON.parse(document.getElementById("room-config").textContent);
const media = new Media();
const stage = new Stage(root, config);
const call = new Call({ config, media });
const messages = new Messages(root, config, (text) => stage.announce(text, { isSeen: false }));

/** Whether the browser has been told before that this site may hear and see. */
async function isAllowed() {
  try {
    return (await navigator.permissions.query({ name: "microphone" })).state === "granted";
  } catch {
    return false; // it does not tell
  }
}

/**
 * Start the devices. Connecting goes on beside it, but for the browser's first question:
 * until it is answered, browsers hide the addresses by which two find each other.
 */
async function devicesOrQuestion() {
  const devices = media.start();
  if (await isAllowed()) return;
  await Promise.race([devices, new Promise((resolve) => setTimeout(resolve, QUESTION_MS))]);
}

function leave() {
  call.leave();
  stage.over({ over: "left", url: location.href });
}

call.addEventListener("state", ({ detail: { state, trouble, signalling } }) => {
  root.dataset.state = state;
  root.dataset.signalling = signalling ? "on" : "lost";
  root.toggleAttribute("data-trouble", trouble);
  const isCutOff = !signalling && state !== "connected";
  if (state !== "over") stage.setState(trouble ? "lost" : isCutOff ? "reconnecting" : state);
});
call.addEventListener("other", ({ detail: { other } }) => {
  stage.setOther(other);
  if (!other) stage.setStream(null);
  if (call.isAudioOnly) root.dataset.otherCamera = "off"; // it is, for this side
});
call.addEventListener("stream", ({ detail: { stream } }) => stage.setStream(stream));
call.addEventListener("messages", ({ detail }) => messages.receive(detail.messages));
call.addEventListener("quality", ({ detail: { level, route } }) => {
  root.dataset.quality = level;
  root.dataset.route = route;
  stage.setQuality(level);
  stage.setRoute(route);
});
call.addEventListener("over", ({ detail }) => {
  root.dataset.over = detail.over;
  if (detail.over !== "left") stage.over(detail);
  // A trainer may still want the board, and goes there by the button.
  if (detail.over === "link" && config.role === "trainee") {
    setTimeout(() => location.assign(detail.url), READ_MS);
  }
});

stage.addEventListener("leave", leave);
stage.addEventListener("reconnect", () => call.again());
stage.addEventListener("audio-only", () => line.switch());
stage.addEventListener("link", () => document.querySelector("#ladder form")?.requestSubmit());

addEventListener("pagehide", () => call.leave());
addEventListener("pageshow", ({ persisted }) => {
  if (persisted && root.dataset.over === "left") location.reload();
});

startAgenda(call);
startBoard(call);
const line = new Line(root, call);
new Ladder(document.getElementById("ladder"), call);
stage.setMedia(media);
await devicesOrQuestion();
call.start();
