// Sends a form and shows the part of the page that it changed anew, from what the service answers, so that what was
// refused stands where it was, with the reason.

export function note(text) {
  const told = document.createElement("p");
  told.textContent = text;
  const box = document.createElement("div");
  box.className = "note bad";
  box.setAttribute("role", "alert");
  box.append(told);
  return box;
}

// Shows what there is to tell, in place of what was told before.
export function tell(notes) {
  document.querySelectorAll("main > .note").forEach((each) => each.remove());
  document.querySelector("main").prepend(...notes);
  document.querySelector("main > .note")?.scrollIntoView({ block: "nearest" });
}

// `selector` names that part, on this page and on the one that is answered; `putBack` undoes what the page shows
// already, where the service is away.
export async function sendInPlace(form, button, selector, putBack = () => {}) {
  const data = new FormData(form, button);
  let fresh;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data) });
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    putBack();
    tell([note("The service does not answer. Try again in a moment; what is saved is shown as soon as it is back.")]);
    return;
  }
  const part = fresh.querySelector(selector);
  if (!part) {
    // The login, or what went wrong: the browser goes there itself, and shows what is answered.
    form.requestSubmit(button);
    return;
  }
  const shown = document.querySelector(selector);
  // Of raceway.js, which every page has.
  keepingFocus(shown, () => {
    shown.replaceChildren(...part.childNodes);
    return shown;
  });
  tell(fresh.querySelectorAll("main > .note"));
  document.dispatchEvent(new Event("raceway:refreshed"));
}
