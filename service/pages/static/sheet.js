// A spreadsheet that was only checked stays chosen, so that it can be sent without choosing it again.

import { note, tell } from "./in_place.js";

document.querySelector(".sheet-form").addEventListener("submit", async (event) => {
  const { target: form, submitter: button } = event;
  if (button?.name !== "check") return;
  event.preventDefault();
  const body = new FormData(form, button);
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Without one it is the login, or what went wrong.
    if (fresh.querySelector(".sheet-form")) tell(fresh.querySelectorAll("main > .note"));
    else location.reload();
  } catch {
    tell([note("The spreadsheet was not sent. If it was saved since it was chosen, choose it again; or try again in a moment.")]);
  } finally {
    button.disabled = false;
  }
});
