// What the pages do in the browser: copy buttons, the parts filter, and sections that keep themselves up to date.
"use strict";

const REFRESH_MS = 3000;
const SOON_MS = 250;

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers offer the clipboard to secure addresses only; a service in the studio's network may be plain HTTP.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error("the browser refused to copy");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await copyText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy by hand";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

document.addEventListener("input", (event) => {
  const target = event.target.dataset.filter;
  if (!target) return;
  const wanted = event.target.value.trim().toLowerCase();
  let shown = 0;
  for (const row of document.querySelectorAll(`${target} tbody tr`)) {
    row.hidden = !row.dataset.text.includes(wanted);
    shown += !row.hidden;
  }
  document.querySelector("[data-no-match]").hidden = shown > 0;
});

// Of a search field in a group of choices: only those that match are offered.
document.addEventListener("input", (event) => {
  const kind = event.target.dataset.narrow;
  if (!kind) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const each of event.target.parentElement.querySelectorAll(kind)) {
    each.hidden = !each.textContent.toLowerCase().includes(wanted) && !each.querySelector(":checked");
  }
});

// The key / leads to the search field, as on many sites.
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]") !== null;
  const field = document.querySelector("form.everywhere input, form.search.wide input");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping || !field) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// Whether somebody is typing in a section, pressing something or has a question open there, which new content would
// take away.
function isInUse(section) {
  const used = ":popover-open, input:focus, select:focus, details[open] textarea, .dragged, button:active, a:active";
  return section.querySelector(used) !== null;
}

// Replaces what stands in a section, by ``replace``, and gives the focus back to the link or button that had it.
function keepingFocus(section, replace) {
  const markOf = (control) => ["data-move", "href", "popovertarget", "aria-label"].map((name) => control.getAttribute(name)).join();
  const mark = section.contains(document.activeElement) ? markOf(document.activeElement) : null;
  const fresh = replace();
  if (mark === null) return;
  [...fresh.querySelectorAll("a, button, summary")].find((each) => markOf(each) === mark)?.focus({ preventScroll: true });
}

async function refresh(section) {
  if (document.hidden || isInUse(section)) return section;
  const response = await fetch(section.dataset.refresh);
  // The session has ended, or opens nothing but one page any more.
  if (response.status === 401 || response.redirected) {
    location.reload();
    return section;
  }
  if (!response.ok) return section;
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  // The answer may have taken long enough for somebody to begin; the next round asks again.
  if (isInUse(section)) return section;
  const fresh = template.content.firstElementChild;
  // What a reader unfolded stays unfolded.
  const before = section.querySelectorAll("details");
  fresh.querySelectorAll("details").forEach((item, index) => { item.open = before[index]?.open ?? item.open; });
  // What a reader ticked stays ticked, also where it was changed since: what stands beside it says so.
  const key = (box) => box.value.split(":")[0];
  const ticked = new Set([...section.querySelectorAll("input[type=checkbox]:checked")].map(key));
  if (fresh.isEqualNode(section)) return section;
  fresh.querySelectorAll("input[type=checkbox]").forEach((box) => { box.checked ||= ticked.has(key(box)); });
  if ("reload" in section.dataset && !fresh.dataset.refresh) location.reload();
  keepingFocus(section, () => {
    section.replaceWith(fresh);
    return fresh;
  });
  document.dispatchEvent(new Event("raceway:refreshed"));
  return fresh;
}

// Until it is time to look again: after a while, or soon after live.js has heard that something changed.
function pause() {
  return new Promise((resolve) => {
    const done = () => {
      document.removeEventListener("raceway:changed", soon);
      resolve();
    };
    const soon = () => setTimeout(done, SOON_MS);
    document.addEventListener("raceway:changed", soon, { once: true });
    setTimeout(done, REFRESH_MS);
  });
}

async function keepFresh(section) {
  while (section.dataset.refresh) {
    await pause();
    try {
      section = await refresh(section);
    } catch {
      // The service is away for a moment; the next round asks again.
    }
  }
}

document.querySelectorAll("[data-refresh]").forEach(keepFresh);
