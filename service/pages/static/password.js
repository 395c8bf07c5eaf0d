// A link by which somebody chooses a password: its secret is taken out of the address, and never sent in one.
"use strict";

const form = document.querySelector("[data-link]");
const code = form.elements.code;
const owner = form.querySelector("[data-owner]");

async function showOwner() {
  const answer = await fetch("/api/auth/password-link", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code: code.value }),
  });
  const { ok, data, error } = await answer.json();
  if (ok) {
    owner.textContent = `For ${data.name}, ${data.email}, at ${data.tenant}.`;
    form.querySelector("[data-second]").hidden = !data.two_factor;
    form.elements.two_factor_code.required = data.two_factor;
  } else if (!form.querySelector(".note")) {
    owner.textContent = `${error.message} ${error.hint}`;
    owner.className = "failure";
    // Nothing can be chosen with it.
    if (answer.status === 401) form.querySelectorAll("label, button").forEach((each) => { each.hidden = true; });
  }
}

if (location.hash.length > 1) {
  code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
}
if (code.value) {
  form.querySelector("[data-code]").hidden = true;
  showOwner();
}
