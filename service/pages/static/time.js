// A week of time: each day is saved when it was left, and arrow keys move between the days.
"use strict";

const form = document.querySelector("[data-times]");
const state = form.querySelector("[data-told]");
const cells = () => [...form.querySelectorAll(".times tbody input:not([type=hidden])")];
form.querySelector("[data-save]").remove();
form.querySelector("td.today")?.scrollIntoView({ block: "nearest", inline: "center" });

function minutesOf(text) {
  const [hours, minutes] = text.split(":");
  return text ? 60 * Number(hours) + Number(minutes) : 0;
}

const written = (minutes) => (minutes ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}` : "");
const savedText = (cell) => cell.nextElementSibling.value;

function addUp() {
  const days = {};
  let week = 0;
  for (const row of form.querySelectorAll(".times tbody tr")) {
    let total = 0;
    for (const cell of row.querySelectorAll("input:not([type=hidden])")) {
      const minutes = minutesOf(savedText(cell));
      const day = cell.name.split(" ")[1];
      days[day] = (days[day] ?? 0) + minutes;
      total += minutes;
    }
    row.querySelector("[data-total]").textContent = written(total);
    week += total;
  }
  for (const cell of form.querySelectorAll("[data-day]")) cell.textContent = written(days[cell.dataset.day] ?? 0);
  form.querySelector("[data-week]").textContent = written(week);
}

function tell(cell, name, text) {
  cell.parentElement.dataset.state = name;
  cell.toggleAttribute("aria-invalid", name === "refused");
  state.textContent = text;
}

// One after the other, so that a day that is typed twice ends as it was typed last.
let queue = Promise.resolve();

function save(cell) {
  queue = queue.then(async () => {
    if (cell.value.trim() === savedText(cell)) return;
    const sent = cell.value;
    const body = new URLSearchParams();
    body.set(cell.name, sent);
    body.set(`was ${cell.name}`, savedText(cell));
    tell(cell, "saving", "Saving …");
    try {
      const answer = await fetch(form.dataset.cell, { method: "POST", body });
      const { text, message } = await answer.json();
      if (!answer.ok) {
        tell(cell, "refused", `${cell.getAttribute("aria-label")}: ${message}`);
        return;
      }
      cell.nextElementSibling.value = text;
      if (cell.value === sent) cell.value = text;
      tell(cell, "saved", "All is saved.");
      addUp();
    } catch {
      tell(cell, "refused", "The service does not answer. What you typed is not saved yet: press Enter to try again.");
    }
  });
}

form.addEventListener("change", (event) => save(event.target));
form.addEventListener("submit", (event) => event.preventDefault());

addEventListener("beforeunload", (event) => {
  if (cells().some((cell) => cell.value.trim() !== savedText(cell))) event.preventDefault();
});

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], Enter: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

form.addEventListener("keydown", (event) => {
  const [down, right] = MOVES[event.key] ?? [0, 0];
  const cell = event.target;
  if (!(down || right) || !cell.matches("input")) return;
  // Within a text the arrows move the cursor, as everywhere.
  const [start, end] = [cell.selectionStart, cell.selectionEnd];
  if (right && start === end && start !== (right < 0 ? 0 : cell.value.length)) return;
  if (event.key === "Enter") {
    event.preventDefault();
    save(cell);
  }
  const rows = [...form.querySelectorAll(".times tbody tr")].map((row) => [...row.querySelectorAll("input:not([type=hidden])")]);
  const [at, column] = [rows.findIndex((row) => row.includes(cell)), rows.flat().indexOf(cell) % 7];
  const next = rows[at + down]?.[column + right];
  if (!next || next.disabled) return;
  event.preventDefault();
  next.focus();
  next.select();
});
