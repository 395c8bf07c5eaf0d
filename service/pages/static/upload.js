// Files that are dropped onto the page, or chosen, are sent one after the other as the body itself, and how far they are
// is shown. What comes of them is another page, or why one was refused. A page may have a form for each kind of file.
const inMib = (bytes) => (bytes / 1024 / 1024).toFixed(1);

function reasonOf(request) {
  try {
    const { error } = JSON.parse(request.responseText);
    return `${error.message} ${error.hint}`;
  } catch {
    return `The service answers ${request.status}. Try again in a moment.`;
  }
}

function prepare(form) {
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

  function sendNext(file, following, done) {
    const most = Number(form.dataset.most);
    const before = done.length ? `${done.join(", ")} arrived. ` : "";
    if (file.size > most) {
      // A service that refuses in the middle is heard as a connection that broke off.
      refused(`${before}${file.name} has ${inMib(file.size)} MiB, and the service takes ${inMib(most)}. An administrator can allow more.`);
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
      if (request.status >= 400) refused(before + reasonOf(request));
      else if (following.length) sendNext(following[0], following.slice(1), [...done, file.name]);
      else location.assign(JSON.parse(request.responseText).data.page);
    });
    request.addEventListener("error", () => refused(`${before}The connection broke off while ${file.name} was sent. Try again.`));
    request.addEventListener("abort", () => refused(`${before}${file.name} was not sent.`));
    request.open("POST", `${form.dataset.upload}?filename=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept", "application/json");
    request.send(file);
    show(true);
    tell(`Sending ${file.name}`);
  }

  function send(files) {
    if (sending || !files.length) return;
    if (files.length === 1 || input.multiple) sendNext(files[0], files.slice(1), []);
    else tell("Drop one file. An assembly of several files goes into a ZIP archive.", true);
  }

  input.addEventListener("change", () => send([...input.files]));
  cancel.addEventListener("click", () => sending?.abort());
  addEventListener("beforeunload", (event) => {
    if (sending && sending.readyState !== XMLHttpRequest.DONE) event.preventDefault();
  });
  form.hidden = false;
  const suffixes = input.accept.split(",");
  return { form, send, takes: ({ name }) => suffixes.some((suffix) => name.toLowerCase().endsWith(suffix)) };
}

const prepared = [...document.querySelectorAll("form[data-upload]")].map(prepare);
const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");

// The whole page takes files: who misses a box must not leave the page for a listing of the file.
document.addEventListener("dragover", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  prepared.forEach(({ form }) => form.classList.add("over"));
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) prepared.forEach(({ form }) => form.classList.remove("over"));
});
document.addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  prepared.forEach(({ form }) => form.classList.remove("over"));
  const files = [...event.dataTransfer.files];
  // By its kind of file, or the first, where the service says what is wrong.
  const meant = prepared.find(({ takes }) => files.every(takes)) ?? prepared[0];
  meant.form.closest("details")?.setAttribute("open", "");
  meant.form.scrollIntoView({ block: "nearest" });
  meant.send(files);
});
