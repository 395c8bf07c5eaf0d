// The 3D view of a CAD file: its parts in the materials they wear, to turn around, and to ask which part is which.

import { readGlb } from "./glb.js";
import { CHOSEN, DIMMED, PLAIN, Renderer, boundsOf } from "./renderer.js";

const FIELD = Math.PI / 7;
const UNKNOWN = { label: "unknown", base_color: [0.5, 0.5, 0.5], metallic: 0, roughness: 0.5, opacity: 1, transmission: 0 };

class Viewer {
  constructor(element) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.status = element.querySelector("[data-status]");
    this.panel = element.querySelector("[data-selected]");
    this.legend = element.querySelector("[data-legend]");
    this.turn = { around: 0.75, over: 0.42, distance: 1, target: [0, 0, 0] };
    this.chosen = this.only = null;
  }

  async start() {
    this.say("Loading the model …");
    try {
      const [glb, worn] = await Promise.all([
        fetched(this.element.dataset.glb).then((answer) => answer.arrayBuffer()),
        fetched(this.element.dataset.materials).then((answer) => answer.json()),
      ]);
      this.worn = worn.data;
      this.model = readGlb(glb);
      this.renderer = new Renderer(this.canvas);
      this.renderer.load(this.model, (item) => this.lookOf(item));
    } catch (error) {
      this.say(`The model cannot be shown here: ${error.message}.`);
      return;
    }
    this.say("");
    this.element.dataset.ready = String(this.model.items.length);
    this.frame(this.model.items);
    this.listen();
    this.showLegend();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    const wanted = this.element.dataset.part;
    if (wanted) this.choose(wanted);
  }

  // What an item wears: the most specific of what is known for its occurrence, its faces' colour and its part.
  wornBy({ partKey, occurrence, color }) {
    const { targets } = this.worn;
    return targets[`${partKey}:${occurrence}`] ?? targets[`${partKey}#${hexOf(color)}`] ?? targets[partKey];
  }

  lookOf(item) {
    const worn = this.wornBy(item);
    const material = this.worn.materials[worn?.material] ?? UNKNOWN;
    const opacity = Math.min(material.opacity ?? 1, 1 - 0.75 * (material.transmission ?? 0));
    return {
      name: worn?.material ?? "",
      color: [...material.base_color, opacity],
      metallic: material.metallic,
      roughness: material.roughness,
      failed: worn?.layer === "fallback",
    };
  }

  frame(items) {
    const { min, max } = boundsOf(items);
    const radius = Math.max(Math.hypot(...min.map((low, axis) => max[axis] - low)) / 2, 1e-6);
    this.turn.target = min.map((low, axis) => (low + max[axis]) / 2);
    this.turn.distance = (0.86 * radius) / Math.sin(FIELD / 2) / Math.min(1, this.renderer.resize());
    this.scene ??= radius;
    this.draw();
  }

  view() {
    const { around, over, distance, target } = this.turn;
    const out = [Math.sin(around) * Math.cos(over), Math.sin(over), Math.cos(around) * Math.cos(over)];
    const right = [Math.cos(around), 0, -Math.sin(around)];
    const up = cross(out, right);
    const eye = target.map((value, axis) => value + out[axis] * distance);
    const camera = [0, 1, 2].flatMap((axis) => [right[axis], up[axis], out[axis], 0]);
    camera.push(-dot(right, eye), -dot(up, eye), -dot(out, eye), 1);
    const near = Math.max(distance - 3 * this.scene, distance / 1000), far = distance + 3 * this.scene;
    const scale = 1 / Math.tan(FIELD / 2);
    const projection = [
      scale / this.renderer.resize(), 0, 0, 0, 0, scale, 0, 0,
      0, 0, (far + near) / (near - far), -1, 0, 0, (2 * far * near) / (near - far), 0,
    ];
    return { camera, projection, right, up };
  }

  draw() {
    cancelAnimationFrame(this.pending);
    this.pending = requestAnimationFrame(() => {
      const { camera, projection } = this.view();
      this.renderer.draw(camera, projection);
    });
  }

  listen() {
    const { canvas, turn } = this;
    const held = new Map();
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      held.set(event.pointerId, event);
      moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) return;
      const [x, y] = [event.clientX - before.clientX, event.clientY - before.clientY];
      moved += Math.abs(x) + Math.abs(y);
      if (held.size === 2) {
        const other = [...held.values()].find((each) => each.pointerId !== event.pointerId);
        this.zoom(apart(before, other) / Math.max(apart(event, other), 1));
      } else if (event.buttons & 6 || event.shiftKey) this.pan(x, y);
      else this.rotate(-x * 0.008, y * 0.008);
      held.set(event.pointerId, event);
    });
    const release = (event) => held.delete(event.pointerId);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerup", (event) => {
      release(event);
      if (moved < 5 && event.button === 0) this.pick(event);
    });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * 0.001));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
      if (step) this.rotate(...step);
      else if (event.key === "+" || event.key === "-") this.zoom(event.key === "+" ? 0.85 : 1.18);
      else if (event.key === "f") this.frame(this.model.items);
      else if (event.key === "Escape") this.choose(null);
      else return;
      event.preventDefault();
    });
    canvas.addEventListener("dblclick", () => {
      const items = this.model.items.filter((item) => item.partKey === this.chosen?.partKey);
      this.frame(items.length ? items : this.model.items);
    });
    this.element.querySelector("[data-fit]").addEventListener("click", () => this.frame(this.model.items));
    document.addEventListener("click", (event) => {
      const row = event.target.closest("[data-show-part]");
      if (!row) return;
      event.preventDefault();
      this.choose(row.dataset.showPart);
      this.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
    });
  }

  rotate(around, over) {
    this.turn.around += around;
    this.turn.over = Math.max(-1.55, Math.min(1.55, this.turn.over + over));
    this.draw();
  }

  zoom(factor) {
    this.turn.distance = Math.max(this.scene / 200, Math.min(this.scene * 60, this.turn.distance * factor));
    this.draw();
  }

  pan(x, y) {
    const { right, up } = this.view();
    const scale = (2 * this.turn.distance * Math.tan(FIELD / 2)) / this.canvas.clientHeight;
    this.turn.target = this.turn.target.map((value, axis) => value + (up[axis] * y - right[axis] * x) * scale);
    this.draw();
  }

  pick(event) {
    const { camera, projection } = this.view();
    const number = this.renderer.pick(event.offsetX, event.offsetY, camera, projection);
    const item = this.model.items[number];
    this.choose(item?.partKey ?? null, item);
  }

  // Emphasise a part, and say what it is and wears; null for none.
  choose(partKey, item = this.model.items.find((each) => each.partKey === partKey)) {
    this.chosen = item ?? null;
    document.querySelectorAll("#parts-table tr[aria-current]").forEach((row) => row.removeAttribute("aria-current"));
    if (item) {
      document.getElementById(`part-${item.partKey}`)?.setAttribute("aria-current", "true");
      const worn = this.wornBy(item), badge = made("span", `badge layer-${worn.layer}`, worn.layer);
      const label = this.worn.materials[worn.material]?.label ?? worn.material;
      this.panel.replaceChildren(
        made("code", "key", item.partKey), made("span", "dim", item.occurrence),
        made("span", "", label, " ", badge), made("span", "dim", worn.reason));
    }
    this.panel.hidden = !item;
    this.element.dataset.chosen = item?.partKey ?? "";
    this.emphasise();
  }

  emphasise() {
    const { items } = this.model;
    this.renderer.mark((number) => {
      const item = items[number];
      if (this.chosen?.partKey === item.partKey) return CHOSEN;
      return this.only && this.lookOf(item).name !== this.only ? DIMMED : PLAIN;
    });
    this.draw();
  }

  // The materials in use, those that nobody knows first; each can be told apart from the others.
  showLegend() {
    const counts = new Map();
    for (const item of this.model.items) {
      const look = this.lookOf(item);
      if (!counts.has(look.name)) counts.set(look.name, { look, parts: new Set() });
      counts.get(look.name).parts.add(item.partKey);
    }
    const order = [...counts.values()].sort((a, b) => b.look.failed - a.look.failed || b.parts.size - a.parts.size);
    this.legend.replaceChildren(...order.map(({ look, parts }) => {
      const button = made("button", look.failed ? "quiet failed" : "quiet", made("span", "dot"),
        this.worn.materials[look.name]?.label ?? look.name, " ", made("span", "dim", String(parts.size)));
      button.type = "button";
      button.querySelector(".dot").style.background = `#${hexOf(look.color.slice(0, 3))}`;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        this.only = this.only === look.name ? null : look.name;
        for (const each of this.legend.children) each.setAttribute("aria-pressed", String(each === button && this.only !== null));
        this.emphasise();
      });
      return button;
    }));
  }

  say(text) {
    this.status.textContent = text;
    this.status.hidden = !text;
  }
}

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
  return answer;
}

// rrggbb (and aa where it is translucent) of a linear colour, as shared.material_library.hex_from_linear writes it.
function hexOf(color) {
  const channels = color.map((value, index) => {
    if (index === 3) return value;
    return value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
  });
  if (channels.length === 4 && channels[3] >= 1) channels.pop();
  return channels.map((value) => Math.round(Math.max(0, Math.min(1, value)) * 255).toString(16).padStart(2, "0")).join("");
}

function made(tag, name, ...children) {
  const element = document.createElement(tag);
  element.className = name;
  element.append(...children);
  return element;
}

const apart = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

for (const element of document.querySelectorAll("[data-viewer]")) {
  const viewer = new Viewer(element);
  const wait = element.querySelector("[data-load]");
  if (wait) wait.addEventListener("click", () => { wait.remove(); viewer.start(); });
  else viewer.start();
}
