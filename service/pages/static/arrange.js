// Puts a playlist's items in order by dragging; its buttons do the same without.

const form = document.querySelector("[data-arrange]");
let dragged = null;

form?.addEventListener("dragstart", (event) => {
  dragged = event.target.closest("li");
  event.dataTransfer.effectAllowed = "move";
  dragged.classList.add("dragged");
});

form?.addEventListener("dragover", (event) => {
  const over = event.target.closest("li");
  if (!dragged || !over) return;
  event.preventDefault();
  if (over === dragged) return;
  const { top, height } = over.getBoundingClientRect();
  over[event.clientY < top + height / 2 ? "before" : "after"](dragged);
});

form?.addEventListener("drop", (event) => event.preventDefault());

form?.addEventListener("dragend", () => {
  dragged.classList.remove("dragged");
  dragged = null;
  form.submit();
});
