// A topic's page: keeps where one stopped reading, and shows what is ticked meanwhile,
// elsewhere. Without it the page reads the same.

const topic = document.querySelector("[data-topic]");
const headers = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");

// --- The place where one stopped -----------------------------------------------------
const PAUSE_MS = 1500;
const LINE = "-35% 0px -64% 0px"; // a thin line across, a third of the way down

function keepPlace(url, blocks) {
  let here = null;
  let sent = null;
  let timer = 0;

  function send() {
    clearTimeout(timer);
    if (here && here !== sent) {
      sent = here;
      const body = new URLSearchParams({ block: here });
      // It may fail: the next one tells the place anew.
      fetch(url, { method: "POST", body, headers, keepalive: true }).catch(() => {});
    }
  }

  const watch = new IntersectionObserver(
    (entries) => {
      const crossed = entries.find((entry) => entry.isIntersecting);
      // Who only opened the page at its top has not stopped anywhere yet.
      if (crossed && (here || scrollY > 0)) {
        here = crossed.target.id.slice("b-".length);
        clearTimeout(timer);
        timer = setTimeout(send, PAUSE_MS);
      }
    },
    { rootMargin: LINE },
  );
  for (const block of blocks) {
    watch.observe(block);
  }
  addEventListener("pagehide", send);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      send();
    }
  });
}

if (topic?.dataset.placeUrl) {
  keepPlace(topic.dataset.placeUrl, topic.querySelectorAll("[data-reading] > [id]"));
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
