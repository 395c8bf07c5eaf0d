// Keeps pages up to date from the service's event streams: sections, the bell, and a job's progress and log.
// A hidden page holds no stream, because a browser opens only a few connections to one address.
"use strict";

const RETRY_MS = 15000;
const LOG_LINES = 400;

// Calls handlers[event](data) for each message while the page is seen; where it was hidden, it goes on from there.
function listen(url, handlers) {
  let source = null;
  let position = "";
  let ended = false;

  function open() {
    if (source || ended || document.hidden) return;
    const address = new URL(url, location.href);
    if (position) address.searchParams.set("last_event_id", position);
    source = new EventSource(address);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (message) => {
        position = message.lastEventId || position;
        if (handle(JSON.parse(message.data)) === false) {
          ended = true;
          close();
        }
      });
    }
    source.addEventListener("error", () => {
      // The browser comes again by itself, except where it was refused: too many streams, or logged out.
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        setTimeout(open, RETRY_MS);
      }
    });
  }

  function close() {
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  open();
}

// raceway.js fetches the sections of the page anew when it hears this.
function changed() {
  document.dispatchEvent(new Event("raceway:changed"));
}

function showUnread({ unread }) {
  for (const bell of document.querySelectorAll("[data-unread]")) {
    bell.textContent = unread > 99 ? "99+" : unread;
    bell.hidden = unread === 0;
    bell.closest("a")?.setAttribute("aria-label", `Notifications, ${unread} unread`);
  }
}

function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// What a job's stream tells, in the elements below ``panel`` that say with data-job what they show.
function followJob(panel) {
  const show = (name, text) => panel.querySelectorAll(`[data-job="${name}"]`).forEach((item) => { item.textContent = text; });
  const log = panel.querySelector('[data-job="log"]');
  let state = panel.dataset.state;

  function progress(job) {
    panel.querySelectorAll("progress").forEach((bar) => { bar.value = job.percent; });
    show("percent", `${Math.round(job.percent)} %`);
    show("stage", [job.stage, job.message].filter(Boolean).join(": "));
    show("frame", job.frame == null ? "" : `frame ${job.frame}`);
    show("remaining", job.remaining ? `about ${duration(job.remaining)} left` : "");
    if (job.state !== state) {
      state = job.state;
      changed();
    }
  }

  listen(panel.dataset.jobEvents, {
    progress,
    event: changed,
    log({ lines }) {
      if (!log) return;
      const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
      const all = log.textContent.split("\n").filter(Boolean).concat(lines);
      log.textContent = all.slice(-LOG_LINES).join("\n") + "\n";
      log.closest("[hidden]")?.removeAttribute("hidden");
      if (atEnd) log.scrollTop = log.scrollHeight;
    },
    end(job) {
      progress(job);
      changed();
      return false;
    },
  });
}

document.querySelectorAll("[data-job-events]").forEach(followJob);
if (document.body.dataset.events) {
  listen(document.body.dataset.events, { event: changed, changed, notifications: showUnread });
}
