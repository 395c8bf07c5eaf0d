// Bars of a schedule: planned by their button, moved by dragging, made longer or shorter at their ends.

import { sendInPlace } from "./in_place.js";

const DAY_MS = 86_400_000;
const END_PX = 8;

let drag = null;

// -- planned by their button

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-plan]");
  if (opener) fill(opener, opener.dataset.start, opener.dataset.due);
});

function fill(opener, start, due) {
  const form = document.querySelector("#plan-task form");
  form.action = opener.dataset.plan;
  form.elements.version.value = opener.dataset.version;
  form.elements.start.value = start;
  form.elements.due.value = due;
  form.elements.estimate_days.value = opener.dataset.estimate;
  form.querySelector("[data-planned]").textContent = opener.dataset.name;
  return form;
}

function send(form, putBack) {
  const action = new URL(form.action).pathname;
  return sendInPlace(form, form.querySelector("button"), "#schedule", putBack).then(() => {
    if (document.activeElement === document.body) document.querySelector(`[data-plan="${action}"]`)?.focus();
  });
}

document.addEventListener("submit", (event) => {
  if (!event.target.closest("#plan-task")) return;
  // A form that is sent because it could not be sent in place goes its own way.
  if (!event.target.closest(":popover-open")) return;
  event.preventDefault();
  event.target.closest("[popover]").hidePopover();
  send(event.target);
});

// -- moved and changed by dragging

function later(day, days) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

function partOf(bar, x) {
  const box = bar.getBoundingClientRect();
  if (box.width > 3 * END_PX && x - box.left < END_PX) return "first";
  if (box.width > 3 * END_PX && box.right - x < END_PX) return "last";
  return "both";
}

document.addEventListener("pointermove", (event) => {
  if (drag) {
    moveTo(event.clientX);
    return;
  }
  const bar = event.target.closest?.("rect.movable");
  if (bar) bar.classList.toggle("at-end", partOf(bar, event.clientX) !== "both");
});

document.addEventListener("pointerdown", (event) => {
  const bar = event.target.closest?.("rect.movable");
  if (!bar || event.button !== 0) return;
  const lane = bar.ownerSVGElement.getBoundingClientRect();
  const days = Number(bar.closest("[data-days]").dataset.days);
  const { first, last } = bar.dataset;
  drag = {
    bar, first, last,
    from: event.clientX,
    part: partOf(bar, event.clientX),
    share: 100 / days,
    dayPx: lane.width / days,
    x: parseFloat(bar.getAttribute("x")),
    width: parseFloat(bar.getAttribute("width")),
    by: 0,
  };
  bar.classList.add("dragged");
  bar.setPointerCapture(event.pointerId);
  event.preventDefault();
});

function moveTo(x) {
  const { bar, part, share } = drag;
  const length = Math.round((Date.parse(drag.last) - Date.parse(drag.first)) / DAY_MS);
  let by = Math.round((x - drag.from) / drag.dayPx);
  if (part === "first") by = Math.min(by, length);
  if (part === "last") by = Math.max(by, -length);
  drag.by = by;
  if (part !== "last") bar.setAttribute("x", `${drag.x + by * share}%`);
  const longer = { first: -by, last: by, both: 0 }[part];
  // Of a bar that begins before the period, not all days are shown.
  bar.setAttribute("width", `${Math.max(drag.width + longer * share, share)}%`);
}

function putBack({ bar, x, width }) {
  bar.classList.remove("dragged");
  bar.setAttribute("x", `${x}%`);
  bar.setAttribute("width", `${width}%`);
}

function end() {
  putBack(drag);
  drag = null;
}

document.addEventListener("pointerup", (event) => {
  if (!drag) return;
  moveTo(event.clientX);
  const moved = drag;
  const { bar, part, by, first, last } = moved;
  if (!by) {
    end();
    return;
  }
  const opener = bar.closest("tr").querySelector("[data-plan]");
  drag = null;
  const [start, due] = [part === "last" ? first : later(first, by), part === "first" ? last : later(last, by)];
  send(fill(opener, start, due), () => putBack(moved));
});

for (const given of ["pointercancel", "keydown"]) {
  document.addEventListener(given, (event) => {
    if (drag && (given === "pointercancel" || event.key === "Escape")) end();
  });
}
