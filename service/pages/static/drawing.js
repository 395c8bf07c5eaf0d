// Strokes drawn over a picture with mouse, finger or pen: SVG, in parts of the picture's width and height, so that they
// fit it at any size and over any film frame.

const SVG = "http://www.w3.org/2000/svg";
const DIGITS = 10000;
const NEAREST = 0.0015;
const MOST_POINTS = 10000;

// Let ``svg`` lie on the picture beside it as that lies in its box (object-fit: contain): whole, in the middle.
function fit(svg) {
  const picture = svg.parentElement.querySelector("img, video");
  const set = () => {
    const width = picture.naturalWidth || picture.videoWidth;
    const height = picture.naturalHeight || picture.videoHeight;
    if (!width || !height) return;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("preserveAspectRatio", "xMidYMid meet");
    svg.querySelectorAll("g").forEach((group) => group.setAttribute("transform", `scale(${width} ${height})`));
  };
  picture.addEventListener("load", set);
  picture.addEventListener("loadedmetadata", set);
  set();
}

function polyline(color) {
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("stroke", color);
  return line;
}

// One point is drawn as a line to itself: its round end is a dot.
const written = (points) => (points.length > 1 ? points : [...points, ...points]).map((point) => point.join()).join(" ");

export class Drawing {
  #svg;
  #own;
  #others;
  #strokes = [];
  #under = null;

  color = "#ff4d4d";
  onChange = () => {};

  constructor(svg) {
    this.#svg = svg;
    this.#own = svg.querySelector("g");
    this.#others = this.#own.cloneNode(false);
    svg.prepend(this.#others);
    fit(svg);
    svg.addEventListener("pointerdown", (event) => this.#start(event));
    svg.addEventListener("pointermove", (event) => this.#go(event));
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, (event) => this.#stop(event));
  }

  get active() {
    return this.#svg.classList.contains("active");
  }

  set active(on) {
    this.#svg.classList.toggle("active", on);
    if (on) this.#others.replaceChildren();
  }

  set hidden(on) {
    this.#own.classList.toggle("away", on);
  }

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  json() {
    return JSON.stringify(this.#strokes.map(({ color, points }) => ({ color, points })));
  }

  // Put strokes in place of those there are, as json() wrote them.
  load(json) {
    this.clear();
    for (const { color, points } of JSON.parse(json)) {
      const line = polyline(color);
      line.setAttribute("points", written(points));
      this.#own.append(line);
      this.#strokes.push({ color, points, line });
    }
    this.onChange();
  }

  undo() {
    this.#strokes.pop()?.line.remove();
    this.onChange();
  }

  clear() {
    this.#strokes = [];
    this.#own.replaceChildren();
    this.onChange();
  }

  // Show somebody else's strokes, the children of ``group``, in place of those shown before; none where it is null.
  showOthers(group) {
    this.#others.replaceChildren(...[...(group?.children ?? [])].map((line) => line.cloneNode()));
  }

  #start(event) {
    if (!this.active || event.button !== 0 || this.#under) return;
    event.preventDefault();
    this.#svg.setPointerCapture(event.pointerId);
    const line = polyline(this.color);
    this.#own.append(line);
    this.#under = { pointer: event.pointerId, color: this.color, points: [], line };
    this.#add(event);
  }

  #go(event) {
    if (this.#under?.pointer !== event.pointerId) return;
    // A pen tells of more places than the screen draws frames.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.#add(each);
  }

  #stop(event) {
    if (this.#under?.pointer !== event.pointerId) return;
    this.#strokes.push(this.#under);
    this.#under = null;
    this.onChange();
  }

  #add({ clientX, clientY }) {
    const stroke = this.#under;
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(this.#own.getScreenCTM().inverse());
    const point = [x, y].map((value) => Math.round(Math.min(Math.max(value, 0), 1) * DIGITS) / DIGITS);
    const last = stroke.points.at(-1);
    if (last && Math.hypot(point[0] - last[0], point[1] - last[1]) < NEAREST) return;
    if (this.#length() >= MOST_POINTS) return;
    stroke.points.push(point);
    stroke.line.setAttribute("points", written(stroke.points));
  }

  #length() {
    return this.#strokes.reduce((sum, { points }) => sum + points.length, this.#under.points.length);
  }
}
