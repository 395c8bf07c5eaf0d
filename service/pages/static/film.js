// Says how long a playlist's film will be while its settings are chosen.

const form = document.querySelector("[data-film-form]");

function words(seconds) {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, "0")} min`;
}

function tell() {
  const { stills, filmsSeconds, mostSeconds } = form.dataset;
  const field = form.elements.still_seconds;
  const length = Number(filmsSeconds) + Number(stills) * Number(field.value);
  form.querySelector("[data-film-length]").textContent = words(length);
  field.setCustomValidity(length > Number(mostSeconds) ? `The film would last longer than ${words(Number(mostSeconds))}.` : "");
}

form?.elements.still_seconds?.addEventListener("input", tell);
