// Looking at a picture or film: steps by keys, wipes to the one before, and draws what a comment is about.
// ← → step, space plays, P plays through, , and . go by frames, D draws, Ctrl+Z undoes, C compares, Escape ends these.

import { Drawing } from "./drawing.js";
import { Frames } from "./frames.js";

const sheet = document.querySelector("[data-review]");
const shown = sheet.querySelector("[data-shown]");
const film = shown instanceof HTMLVideoElement ? shown : null;
const form = document.querySelector(".comment-form");
const moment = form?.querySelector("[data-moment]");
const frames = new Frames(document.querySelector("script[data-rate]").dataset);
const SAME_MOMENT = 0.5 / frames.rate;
const STILL_MS = 3000;
const THROUGH = "raceway:play-through";

const button = (name) => document.querySelector(`[data-${name}]`);
const isPressed = (toggle) => toggle?.getAttribute("aria-pressed") === "true";

// -- drawing

const drawing = shown && new Drawing(sheet.querySelector("svg.drawing"));
let drawnAt = null;

function setDrawing(on) {
  if (!drawing || !button("draw")) return;
  if (on && isPressed(button("through"))) setThrough(false);
  if (on) film?.pause();
  drawing.active = on;
  button("draw").setAttribute("aria-pressed", on);
  button("pens").hidden = !on;
  if (film) film.controls = !on;
}

function changed() {
  if (!form) return;
  form.querySelector("[data-drawn]").value = drawing.isEmpty ? "" : drawing.json();
  if (!film) return;
  drawnAt = drawing.isEmpty ? null : (drawnAt ?? momentNow());
  if (drawnAt !== null) {
    moment.checked = true;
    setMoment();
  }
}

// The moment of a film that the comment is about: where it stands, or where something was drawn.
function setMoment() {
  if (!moment) return;
  const seconds = drawnAt ?? momentNow();
  moment.value = seconds.toFixed(3);
  const told = frames.isExact ? `frame ${frames.at(seconds)}` : `${seconds.toFixed(2)} s`;
  form.querySelector("[data-moment-shown]").textContent = told;
  drawing.hidden = drawnAt !== null && Math.abs(film.currentTime - drawnAt) > SAME_MOMENT;
}

// What was drawn for a comment that was refused, see keep.js.
function takeUpKept() {
  const kept = form?.querySelector("[data-drawn]").value;
  if (moment?.checked && moment.value !== "on") film.currentTime = Number(moment.value);
  if (!kept) return;
  if (film) drawnAt = Number(moment.value);
  drawing.load(kept);
}

function startDrawing() {
  takeUpKept();
  drawing.onChange = changed;
  button("draw")?.addEventListener("click", () => setDrawing(!drawing.active));
  button("undo")?.addEventListener("click", () => drawing.undo());
  button("clear")?.addEventListener("click", () => drawing.clear());
  button("pens")?.addEventListener("change", (event) => { drawing.color = event.target.value; });
  let sending = false;
  form?.addEventListener("submit", () => { sending = true; });
  addEventListener("beforeunload", (event) => {
    if (!sending && !drawing.isEmpty) event.preventDefault();
  });
}

// -- what others drew

// Shows a comment's drawing over the picture, and its moment of the film; without a link none.
function showNote(link) {
  if (!drawing) return;
  document.querySelector("a[data-note][aria-current]")?.removeAttribute("aria-current");
  link?.setAttribute("aria-current", "true");
  drawing.showOthers(link?.querySelector("svg.drawing g"));
  if (!link) return;
  setDrawing(false);
  if (film && link.dataset.seconds) {
    film.pause();
    film.currentTime = Number(link.dataset.seconds);
  }
}

// -- the one before

function setComparing(on) {
  const former = sheet.querySelector("[data-former]");
  if (!former) return;
  former.hidden = button("wipe").hidden = !on;
  button("compare").setAttribute("aria-pressed", on);
  if (on) wipe();
}

function wipe() {
  const share = button("wipe").querySelector("input").value;
  sheet.style.setProperty("--wipe", `${100 - share}%`);
}

// -- playing through

let toNext = null;

// One after the other, stills for a while and films once, to the end of the playlist or until it is stopped.
function setThrough(on) {
  const next = document.querySelector("a[rel=next]");
  button("through")?.setAttribute("aria-pressed", on);
  clearTimeout(toNext);
  if (on) sessionStorage.setItem(THROUGH, location.pathname);
  else sessionStorage.removeItem(THROUGH);
  if (film) film.loop = !on;
  if (!on) film?.pause();
  else if (film) film.play();
  else toNext = setTimeout(goOn, STILL_MS);

  function goOn() {
    if (next) next.click();
    else setThrough(false);
  }
  if (film) film.onended = on ? goOn : null;
}

function startPlayingThrough() {
  if (!button("through")) return;
  button("through").addEventListener("click", (event) => setThrough(!isPressed(event.currentTarget)));
  const preload = document.querySelector("[data-preload]")?.dataset.preload;
  if (preload) new Image().src = preload;
  if (sessionStorage.getItem(THROUGH) === location.pathname) setThrough(true);
}

// -- frames

let shownFrame = 1;
// A paused film stands where it was sought: what browsers tell later of the frames that it showed before is past.
let sought = false;

// Where the film stands: with a known frame rate, in the middle of the frame that is shown.
function momentNow() {
  return frames.isExact ? frames.middleOf(frameNow()) : film.currentTime;
}

function frameNow() {
  return film.seeking ? frames.at(film.currentTime) : shownFrame;
}

function tellFrame() {
  const number = document.querySelector("[data-frame]");
  if (number && document.activeElement !== number) number.value = frameNow();
  const clock = document.querySelector("[data-clock]");
  clock.textContent = frames.isExact ? frames.timecode(frameNow()) : `${film.currentTime.toFixed(2)} s`;
  setMoment();
}

function goTo(frame) {
  film.pause();
  film.currentTime = frames.middleOf(frames.within(frame));
  standWhereSought();
}

function standWhereSought() {
  sought = true;
  shownFrame = frames.at(film.currentTime);
  tellFrame();
}

function step(count) {
  if (frames.isExact) goTo(frameNow() + count);
  else {
    film.pause();
    film.currentTime = Math.max(0, film.currentTime + count / frames.rate);
  }
}

function startCounting() {
  // Browsers say which frame they show; those that do not are asked where they stand.
  const says = "requestVideoFrameCallback" in film;
  const onFrame = (_, { mediaTime }) => {
    if (!film.seeking && !(film.paused && sought)) {
      sought = false;
      shownFrame = frames.beginningAt(mediaTime);
      tellFrame();
    }
    film.requestVideoFrameCallback(onFrame);
  };
  if (says) film.requestVideoFrameCallback(onFrame);
  for (const event of ["seeking", "seeked"]) film.addEventListener(event, standWhereSought);
  if (!says) film.addEventListener("timeupdate", standWhereSought);
  for (const each of document.querySelectorAll("[data-step]")) {
    each.addEventListener("click", () => step(Number(each.dataset.step)));
  }
  document.querySelector("[data-frame]")?.addEventListener("change", (event) => {
    goTo(Number(event.target.value) || 1);
    event.target.value = shownFrame;
  });
  tellFrame();
}

// -- playing one film

function playOrPause() {
  if (film?.paused) film.play();
  else film?.pause();
}

function startPlaying() {
  const play = button("play");
  for (const event of ["play", "pause"]) {
    film.addEventListener(event, () => { play.textContent = film.paused ? "Play" : "Pause"; });
  }
  play.addEventListener("click", playOrPause);
}

// -- keys

const KEYS = {
  ArrowLeft: () => document.querySelector("a[rel=prev]")?.click(),
  ArrowRight: () => document.querySelector("a[rel=next]")?.click(),
  " ": playOrPause,
  ",": () => film && step(-1),
  ".": () => film && step(1),
  d: () => setDrawing(!drawing?.active),
  c: () => setComparing(!isPressed(button("compare"))),
  p: () => button("through") && setThrough(!isPressed(button("through"))),
  Escape: () => { setDrawing(false); setComparing(false); showNote(null); },
};

function onKey(event) {
  if (event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [popover]:popover-open")) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && drawing?.active) {
    event.preventDefault();
    drawing.undo();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // A focused button is pressed by the space key, and a radio button is changed by the arrows.
  if (event.key === " " && event.target.closest("button, a, summary, input, video")) return;
  if (event.key.startsWith("Arrow") && event.target.closest("input")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

document.addEventListener("keydown", onKey);
if (drawing) startDrawing();
startPlayingThrough();
if (film) {
  startCounting();
  startPlaying();
}
button("compare")?.addEventListener("click", (event) => setComparing(!isPressed(event.currentTarget)));
button("wipe")?.addEventListener("input", wipe);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-note]");
  if (!link) return;
  event.preventDefault();
  showNote(link.hasAttribute("aria-current") ? null : link);
});
film?.addEventListener("play", () => showNote(null));
if (location.hash.startsWith("#comment-")) {
  const show = () => showNote(document.getElementById(location.hash.slice(1))?.querySelector("a[data-note]"));
  if (film && film.readyState < 1) film.addEventListener("loadedmetadata", show, { once: true });
  else show();
}
const current = document.querySelector(".strip [aria-current]");
if (current) {
  const strip = current.closest(".strip");
  strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.clientWidth) / 2;
}
// A status is said on the task, which clients do not see.
form?.querySelector("[name=status]")?.addEventListener("input", (event) => {
  const forClient = form.querySelector("[name=for_client]");
  if (forClient) forClient.disabled = event.target.value !== "";
});
