// Tasks on boards and in tables: cards are moved by dragging or by their button, and many tasks are changed together.

import { sendInPlace } from "./in_place.js";

let dragged = null;

// -- moved by their button

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-move]");
  if (!opener) return;
  const form = document.querySelector("#move-task form");
  form.action = opener.dataset.move;
  form.elements.version.value = opener.dataset.version;
  for (const choice of form.querySelectorAll("button")) choice.disabled = choice.value === opener.dataset.status;
});

document.addEventListener("submit", (event) => {
  if (!event.target.closest("#move-task")) return;
  // A form that is sent because it could not be sent in place goes its own way.
  if (!event.target.closest(":popover-open")) return;
  event.preventDefault();
  event.target.closest("[popover]").hidePopover();
  const { action } = event.target;
  sendInPlace(event.target, event.submitter, "#board").then(() => {
    document.querySelector(`[data-move="${new URL(action).pathname}"]`)?.focus();
  });
});

// -- moved by dragging

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".card");
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  dragged.classList.add("dragged");
});

document.addEventListener("dragover", (event) => {
  const column = event.target.closest?.(".column");
  document.querySelectorAll(".column.over").forEach((each) => each.classList.toggle("over", each === column));
  if (!dragged || !column) return;
  event.preventDefault();
  column.classList.add("over");
});

document.addEventListener("drop", (event) => {
  const column = event.target.closest?.(".column");
  if (!dragged || !column) return;
  event.preventDefault();
  const choice = document.querySelector(`#move-task button[value="${column.dataset.status}"]`);
  if (column.contains(dragged) || !choice) return;
  const opener = dragged.querySelector("[data-move]");
  const form = choice.form;
  form.action = opener.dataset.move;
  form.elements.version.value = opener.dataset.version;
  choice.disabled = false;
  const [card, list, next] = [dragged, dragged.parentElement, dragged.nextElementSibling];
  column.querySelector("ul").prepend(card);
  sendInPlace(form, choice, "#board", () => list.insertBefore(card, next));
});

document.addEventListener("dragend", () => {
  dragged?.classList.remove("dragged");
  document.querySelectorAll(".column.over").forEach((each) => each.classList.remove("over"));
  dragged = null;
});

// -- many at once

const chosen = () => document.querySelectorAll('input[name="task"]:checked');
const choosable = () => document.querySelectorAll('input[name="task"]');

function countChosen() {
  const label = document.querySelector("[data-chosen]");
  if (!label) return;
  const number = chosen().length;
  const part = "part" in label.dataset ? ` ${choosable().length} shown` : "";
  label.textContent = number ? `${number} chosen` : `Choose all${part}`;
  const all = document.querySelector("[data-choose-all]");
  all.checked = number > 0 && number === choosable().length;
  all.indeterminate = number > 0 && !all.checked;
  document.querySelector("[data-change-chosen]").disabled = number === 0;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) {
    choosable().forEach((box) => { box.checked = event.target.checked; });
  }
  countChosen();
});
document.addEventListener("raceway:refreshed", countChosen);
countChosen();
