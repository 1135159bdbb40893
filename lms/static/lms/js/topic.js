// A topic's page: keeps where one stopped reading, and shows what is ticked meanwhile,
// elsewhere. Without it the page reads the same.

const topic = document.querySelector("[data-topic]");
const headers = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");

// --- The place where one stopped -----------------------------------------------------
const PAUSE_MS = 1500;
const LINE = 0.35; // of the height: what is below has not been read yet

function keepPlace(url, blocks) {
  let sent = null;
  let timer = 0;

  function blockHere() {
    const line = innerHeight * LINE;
    return blocks.findLast((block) => block.getBoundingClientRect().top < line)?.id;
  }

  function send() {
    clearTimeout(timer);
    timer = 0;
    const here = blockHere();
    if (here && here !== sent) {
      sent = here;
      const body = new URLSearchParams({ block: here.slice("b-".length) });
      // It may fail: the next one tells the place anew.
      fetch(url, { method: "POST", body, headers, keepalive: true }).catch(() => {});
    }
  }

  function sendSoon() {
    clearTimeout(timer);
    timer = setTimeout(send, PAUSE_MS);
  }

  function sendNow() {
    if (timer) {
      send();
    }
  }

  // Who has only opened the page has not stopped anywhere: it takes a scroll.
  addEventListener("scroll", sendSoon, { passive: true });
  addEventListener("pagehide", sendNow);
  document.addEventListener("visibilitychange", () => document.hidden && sendNow());
}

if (topic?.dataset.placeUrl) {
  const blocks = [...topic.querySelectorAll("[data-reading] > [id]")];
  keepPlace(topic.dataset.placeUrl, blocks);
}

// --- What completes it, as evidence arrives -------------------------------------------
// Asked when one comes back to the page, and now and then while one looks at it; the
// server says 204 where nothing has moved. It ends with the topic.
const EVERY_MS = 30_000;
const LEAST_MS = 3_000;
let asked = Date.now();

function ask() {
  const steps = document.querySelector("#topic-steps[data-url]");
  if (!steps || document.hidden || Date.now() - asked < LEAST_MS) {
    return;
  }
  asked = Date.now();
  const seen = new URLSearchParams({ seen: steps.dataset.mark });
  const url = `${steps.dataset.url}?${seen}`;
  fetch(url, { headers: { "HX-Request": "true" }, redirect: "manual" })
    .then(async (answer) => {
      if (answer.status !== 200) {
        return;
      }
      window.htmx.swap("#topic-steps", await answer.text(), { swapStyle: "none" });
      const said = JSON.parse(answer.headers.get("HX-Trigger") ?? "{}").toast;
      if (said) {
        window.htmx.trigger(document.body, "toast", said);
      }
    })
    .catch(() => {}); // no line: asked again in a while
}

if (topic) {
  setInterval(ask, EVERY_MS);
  addEventListener("focus", ask);
  document.addEventListener("visibilitychange", ask);
}

// --- The focus stays where something was swapped ---------------------------------------
let lost = null;

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target } = event.detail;
  if (target.id && target.contains(document.activeElement)) {
    lost = target.id;
  }
});

document.addEventListener("htmx:oobAfterSwap", () => {
  const part = lost && document.getElementById(lost);
  if (part && !part.contains(document.activeElement)) {
    (part.querySelector("a.primary, button.primary") ?? part).focus();
  }
  lost = null;
});
