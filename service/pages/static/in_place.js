// Sends a form and shows the part of the page that it changed anew, from what the service answers, so that what was
// refused stands where it was, with the reason.

// `selector` names that part, on this page and on the one that is answered.
export async function sendInPlace(form, button, selector) {
  const data = new FormData(form, button);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data) });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = fresh.querySelector(selector);
    if (!part) throw new Error(`no ${selector} was answered`);
    document.querySelectorAll("main > .note").forEach((note) => note.remove());
    document.querySelector("main").prepend(...fresh.querySelectorAll("main > .note"));
    const shown = document.querySelector(selector);
    // Of raceway.js, which every page has.
    keepingFocus(shown, () => {
      shown.replaceChildren(...part.childNodes);
      return shown;
    });
    document.querySelector("main > .note")?.scrollIntoView({ block: "nearest" });
    document.dispatchEvent(new Event("raceway:refreshed"));
  } catch {
    // The browser goes there itself, and shows what is answered.
    form.requestSubmit(button);
  }
}
