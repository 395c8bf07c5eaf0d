// A file that is dropped onto the page, or chosen, is sent as the body itself, and how far it is is shown. What comes of
// it is another page, or why it was refused.
"use strict";

const inMib = (bytes) => (bytes / 1024 / 1024).toFixed(1);
const form = document.querySelector("form[data-upload]");
const input = form.querySelector("input[type=file]");
const told = form.querySelector("[data-told]");
const bar = form.querySelector("progress");
const cancel = form.querySelector("[data-cancel]");
let sending = null;

function tell(text, isBad = false) {
  told.textContent = text;
  told.classList.toggle("failure", isBad);
}

function show(isSending) {
  bar.hidden = cancel.hidden = !isSending;
  input.disabled = isSending;
}

function refused(text) {
  sending = null;
  show(false);
  input.value = "";
  tell(text, true);
}

function reasonOf(request) {
  try {
    const { error } = JSON.parse(request.responseText);
    return `${error.message} ${error.hint}`;
  } catch {
    return `The service answers ${request.status}. Try again in a moment.`;
  }
}

function send(file) {
  if (sending) return;
  const most = Number(form.dataset.most);
  if (file.size > most) {
    // A service that refuses in the middle is heard as a connection that broke off.
    refused(`${file.name} has ${inMib(file.size)} MiB, and the service takes ${inMib(most)}. An administrator can allow more.`);
    return;
  }
  sending = new XMLHttpRequest();
  const request = sending;
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.max = total;
    bar.value = loaded;
    const size = `${inMib(loaded)} of ${inMib(total)} MiB`;
    tell(loaded < total ? `Sending ${file.name}: ${size}` : `${file.name} has arrived and is being checked.`);
  });
  request.addEventListener("load", () => {
    if (request.status >= 400) refused(reasonOf(request));
    else location.assign(JSON.parse(request.responseText).data.page);
  });
  request.addEventListener("error", () => refused(`The connection broke off while ${file.name} was sent. Try again.`));
  request.addEventListener("abort", () => refused(`${file.name} was not sent.`));
  request.open("POST", `${form.dataset.upload}?filename=${encodeURIComponent(file.name)}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.setRequestHeader("Accept", "application/json");
  request.send(file);
  show(true);
  tell(`Sending ${file.name}`);
}

const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");

// The whole page takes the file: who misses a box must not leave the page for a listing of the file.
document.addEventListener("dragover", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  form.classList.add("over");
  form.closest("details")?.setAttribute("open", "");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  form.classList.remove("over");
  const { files } = event.dataTransfer;
  if (files.length === 1) send(files[0]);
  else tell("Drop one file. An assembly of several files goes into a ZIP archive.", true);
});
input.addEventListener("change", () => {
  if (input.files.length) send(input.files[0]);
});
cancel.addEventListener("click", () => sending?.abort());
addEventListener("beforeunload", (event) => {
  if (sending && sending.readyState !== XMLHttpRequest.DONE) event.preventDefault();
});
form.hidden = false;
