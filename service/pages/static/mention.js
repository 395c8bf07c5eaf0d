// After an @ in a comment: people whose names begin so, to choose one by key or click. The text stays what is sent.
"use strict";

const SHOWN = 6;
const PATIENCE_MS = 120;
// What stands between the @ and the caret: a name may have spaces, but does not begin with one.
const BEGUN = /(?:^|[^\p{L}\p{N}_])@((?:[^\s@][^@\n]{0,40})?)$/u;

function offerPeople(box) {
  const list = document.createElement("ul");
  list.id = "people-offered";
  list.className = "offered";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "People");
  box.after(list);
  box.setAttribute("aria-controls", list.id);
  box.setAttribute("aria-autocomplete", "list");
  let asked = 0;
  let timer = null;

  const begun = () => (box.selectionStart === box.selectionEnd ? BEGUN.exec(box.value.slice(0, box.selectionStart)) : null);

  function close() {
    asked += 1;
    list.hidden = true;
    list.replaceChildren();
    box.removeAttribute("aria-activedescendant");
  }

  function mark(option) {
    list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", option.id);
  }

  function choose(option) {
    const [, typed] = begun() ?? [];
    close();
    if (typed === undefined) return;
    const end = box.selectionStart;
    box.setRangeText(`${option.dataset.name} `, end - typed.length, end, "end");
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  }

  function show(people) {
    list.replaceChildren(...people.map(({ name, email }, number) => {
      const option = document.createElement("li");
      option.id = `person-offered-${number}`;
      option.setAttribute("role", "option");
      option.dataset.name = name;
      const address = document.createElement("span");
      address.className = "dim";
      address.textContent = email;
      option.append(name, " ", address);
      return option;
    }));
    list.hidden = people.length === 0;
    if (people.length) mark(list.firstElementChild);
  }

  async function ask(typed) {
    asked += 1;
    const mine = asked;
    const query = new URLSearchParams({ page_size: SHOWN, ...(typed.trim() && { q: typed.trim() }) });
    const answer = await fetch(`${box.dataset.people}?${query}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const { data } = await answer.json();
    // A later key, or the end of the question, has overtaken this answer.
    if (mine === asked) show(data.items.filter(({ name }) => name !== typed.trim()));
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    const found = begun();
    if (!found) close();
    else timer = setTimeout(() => ask(found[1]).catch(close), PATIENCE_MS);
  });
  box.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const marked = list.querySelector("[aria-selected=true]");
    if (event.key === "ArrowDown") mark(marked.nextElementSibling ?? list.firstElementChild);
    else if (event.key === "ArrowUp") mark(marked.previousElementSibling ?? list.lastElementChild);
    else if (event.key === "Enter" || event.key === "Tab") choose(marked);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // Before the box loses the focus.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) choose(option);
  });
  box.addEventListener("blur", () => {
    clearTimeout(timer);
    close();
  });
}

document.querySelectorAll("textarea[data-people]").forEach(offerPeople);
