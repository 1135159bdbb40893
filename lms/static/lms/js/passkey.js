// Offer a passkey in place of a password, where the browser can make one.
//
// The server says how (a fresh challenge at each press); the browser's answer goes with
// the form. What is given up half-way leaves the form as it was.

for (const part of document.querySelectorAll("[data-passkey]")) {
  if (window.PublicKeyCredential) {
    offer(part);
  }
}

function offer(part) {
  const form = part.closest("form");
  const button = part.querySelector("button");
  const failed = part.querySelector("[data-failed]");
  part.hidden = false;
  form.querySelector("button[type=submit]").classList.remove("primary"); // one is
  button.addEventListener("click", async () => {
    const name = form.elements.full_name;
    if (!name.reportValidity()) {
      return;
    }
    failed.hidden = true;
    button.disabled = true;
    try {
      const options = await ask(form, part.dataset.passkey);
      options.publicKey.user.displayName = name.value;
      const made = await window.webauthnJSON.create(options);
      form.elements.credential.value = JSON.stringify(made);
      form.requestSubmit();
    } catch {
      button.disabled = false;
      failed.textContent = failed.dataset.failed;
      failed.hidden = false;
    }
  });
}

async function ask(form, address) {
  const token = form.elements.csrfmiddlewaretoken.value;
  const answer = await fetch(address, {
    method: "POST",
    headers: { "X-CSRFToken": token, Accept: "application/json" },
  });
  if (!answer.ok) {
    throw new Error(`${answer.status}`);
  }
  return answer.json();
}
