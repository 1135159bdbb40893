// The trainee's agenda in the room: ticks as they are made, and the sign-off at once.

const place = () => document.querySelector("[data-agenda-url]");

async function refresh() {
  const part = place();
  const response = part && (await fetch(part.dataset.agendaUrl));
  if (!response?.ok || response.redirected) {
    return;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("[data-agenda]");
  if (!fresh || !part.isConnected) {
    return;
  }
  part.replaceChildren(document.importNode(fresh, true));
  window.htmx?.process(part);
  if (fresh.dataset.state === "done") {
    document.querySelector(".question-form")?.remove();
  }
}

export function startAgenda(call) {
  call.addEventListener("agenda", () => {
    refresh().catch(() => {}); // the next change asks again
  });
}
