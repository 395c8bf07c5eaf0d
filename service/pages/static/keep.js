// What was typed stays when a form is refused: every form is kept in this tab until it was sent with success, but for
// those with data-forget. Only what was changed is kept, so that what others saved meanwhile stands beside it. Chosen
// files are not: pages cannot choose any.
"use strict";

const KEPT = "raceway:typed";
const FORMS = "form[method=post]:not([data-forget])";
const FILLABLE = "input:not([type=hidden], [type=file], [type=password]), input[data-drawn], textarea, select";

const isBox = (control) => ["checkbox", "radio"].includes(control.type);
// Some stand elsewhere on the page, such as what chooses the rows of a table.
const fillable = (form) => [...form.elements].filter((control) => control.matches(FILLABLE) && control.name);

// What a form does, and to what.
function purpose(form) {
  const hidden = form.querySelectorAll("input[type=hidden]:not([data-drawn], [name=version], [name=revision])");
  return [form.getAttribute("action"), ...[...hidden].map((each) => each.value)].join(" ");
}

function isChanged(control) {
  if (isBox(control)) return control.checked !== control.defaultChecked;
  if (control.type === "hidden") return control.value !== "";
  if (!(control instanceof HTMLSelectElement)) return control.value !== control.defaultValue;
  const before = [...control.options].find((option) => option.defaultSelected) ?? control.options[0];
  return control.value !== before?.value;
}

function keep(form) {
  if (!fillable(form).length) return;
  const typed = fillable(form).filter(isChanged).map(({ name, value, checked }) => ({ name, value, checked }));
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ purpose: purpose(form), typed }));
  } catch {
    // The browser keeps nothing, or has no room for it: the form is sent as any other.
    sessionStorage.removeItem(KEPT);
  }
}

function fill(form, typed) {
  for (const { name, value, checked } of typed) {
    const named = fillable(form).filter((control) => control.name === name);
    // What a box stands for may be another than before; one that stands for nothing yet is given a value by its page.
    const isIt = (each) => each.value === value || (isBox(each) && !each.hasAttribute("value"));
    const control = named.length > 1 || named.some(isBox) ? named.find(isIt) : named[0];
    if (!control) continue;
    control.value = value;
    if (isBox(control)) control.checked = checked;
  }
}

// A form may be folded away, or in a dialog.
function show(form) {
  for (let each = form.parentElement; each; each = each.parentElement) {
    if (each instanceof HTMLDetailsElement) each.open = true;
    if (each.popover) each.showPopover();
  }
}

function takeUp() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (!kept) return;
  const isRefused = kept.isRefused || document.querySelector("[data-refused]") !== null;
  const form = [...document.querySelectorAll(FORMS)].find((each) => purpose(each) === kept.purpose);
  if (!form) {
    // A page of its own says why; the reader comes back from there.
    if (isRefused) sessionStorage.setItem(KEPT, JSON.stringify({ ...kept, isRefused }));
    return;
  }
  sessionStorage.removeItem(KEPT);
  if (!isRefused) return;
  fill(form, kept.typed);
  show(form);
}

document.addEventListener("submit", (event) => {
  if (event.target.matches(FORMS)) keep(event.target);
});
takeUp();
