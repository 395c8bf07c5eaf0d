// Draws parts with WebGL 2: one instanced call for each mesh and material, and which part stands under a pixel.

import { transformed } from "./glb.js";

const SURFACE = `#version 300 es
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in mat4 place;
layout(location = 6) in vec2 mark;     // number of the item, and how it is emphasised
uniform mat4 camera, projection;
out vec3 toEye, facing;
flat out vec2 marked;
void main() {
  vec4 at = camera * place * vec4(position, 1.0);
  gl_Position = projection * at;
  toEye = -at.xyz;
  // The cofactor matrix carries normals through mirrored and unequal scales.
  mat3 m = mat3(place);
  mat3 cofactors = mat3(cross(m[1], m[2]), cross(m[2], m[0]), cross(m[0], m[1]));
  facing = mat3(camera) * cofactors * normal;
  marked = mark;
}`;

const SHADED = `#version 300 es
precision highp float;
in vec3 toEye, facing;
flat in vec2 marked;
uniform vec4 base;                     // linear, with opacity
uniform vec4 finish;                   // metallic, roughness, flat (lines), emphasis of unresolved parts
out vec4 color;
vec3 studio(vec3 direction) {          // a soft box overhead, a bright floor, a rim behind
  float up = direction.y;
  vec3 light = mix(vec3(.16, .17, .19), vec3(.62, .64, .68), smoothstep(-.4, 1., up));
  light += vec3(1.6) * smoothstep(.55, .9, dot(direction, normalize(vec3(.35, .75, .55))));
  light += vec3(.55, .6, .7) * smoothstep(.5, .95, dot(direction, normalize(vec3(-.8, .1, .35))));
  return light;
}
void main() {
  vec3 v = normalize(toEye), n = normalize(facing);
  if (dot(n, v) < 0.) n = -n;
  float metallic = finish.x, roughness = clamp(finish.y, .06, 1.);
  float grazing = pow(1. - max(dot(n, v), 0.), 5.);
  vec3 f0 = mix(vec3(.04), base.rgb, metallic);
  vec3 fresnel = f0 + (max(vec3(1. - roughness), f0) - f0) * grazing;
  vec3 mirror = studio(normalize(mix(reflect(-v, n), n, roughness * roughness)));
  vec3 lit = base.rgb * (1. - metallic) * studio(n) * .95 + mirror * fresnel;
  if (finish.z > .5) lit = base.rgb;
  if (finish.w > .5) lit = mix(lit, base.rgb, .55);
  if (marked.y > 1.5) lit = mix(lit, vec3(1., .5, .12), .35 + .5 * grazing);
  else if (marked.y > .5) lit = mix(vec3(dot(lit, vec3(.3, .6, .1))), vec3(.1), .72);
  lit = lit / (1. + .22 * lit);
  color = vec4(pow(lit, vec3(1. / 2.2)), max(base.a, grazing));
}`;

const NUMBERED = `#version 300 es
precision highp float;
in vec3 toEye, facing;
flat in vec2 marked;
out vec4 color;
void main() {
  int number = int(marked.x + .5) + 1;
  color = vec4(number & 255, (number >> 8) & 255, (number >> 16) & 255, 255) / 255.;
}`;

export const PLAIN = 0, DIMMED = 1, CHOSEN = 2;

export class Renderer {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { antialias: true, alpha: true, preserveDrawingBuffer: true });
    if (!this.gl) throw new Error("this browser shows no WebGL 2");
    this.shaded = program(this.gl, SURFACE, SHADED);
    this.numbered = program(this.gl, SURFACE, NUMBERED);
    this.batches = [];
  }

  // ``lookOf(item)`` gives what an item wears: {name, color: [r, g, b, opacity] linear, metallic, roughness, failed}.
  load({ items, primitives }, lookOf) {
    const batches = new Map(), order = new Map(primitives.map((primitive, index) => [primitive, index]));
    items.forEach((item, number) => {
      const look = lookOf(item);
      const key = `${order.get(item.primitive)} ${look.name}`;
      if (!batches.has(key)) batches.set(key, { primitive: item.primitive, look, numbers: [] });
      batches.get(key).numbers.push(number);
    });
    const buffers = new Map(primitives.map((primitive) => [primitive, this.upload(primitive)]));
    this.batches = [...batches.values()].map((batch) => this.batch(batch, buffers.get(batch.primitive), items));
    // What one sees through is drawn over what stands behind it.
    this.batches.sort((a, b) => b.look.color[3] - a.look.color[3]);
  }

  upload({ positions, normals, indices }) {
    const { gl } = this;
    const buffer = (target, data) => {
      const made = gl.createBuffer();
      gl.bindBuffer(target, made);
      gl.bufferData(target, data, gl.STATIC_DRAW);
      return made;
    };
    return {
      positions: buffer(gl.ARRAY_BUFFER, positions),
      normals: normals && buffer(gl.ARRAY_BUFFER, normals),
      indices: buffer(gl.ELEMENT_ARRAY_BUFFER, indices),
      count: indices.length,
      type: indices instanceof Uint16Array ? gl.UNSIGNED_SHORT : gl.UNSIGNED_INT,
    };
  }

  batch({ primitive, look, numbers }, buffers, items) {
    const { gl } = this;
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers.positions);
    this.attribute(0, 3, 12, 0);
    if (buffers.normals) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers.normals);
      this.attribute(1, 3, 12, 0);
    }
    const data = new Float32Array(numbers.length * 18);
    numbers.forEach((number, i) => data.set([...items[number].matrix, number, PLAIN], 18 * i));
    const places = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, places);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    for (let column = 0; column < 5; column++) this.attribute(2 + column, column < 4 ? 4 : 2, 72, 16 * column, 1);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.indices);
    gl.bindVertexArray(null);
    return { array, look, primitive, numbers, data, places, buffers };
  }

  attribute(index, size, stride, offset, divisor = 0) {
    const { gl } = this;
    gl.enableVertexAttribArray(index);
    gl.vertexAttribPointer(index, size, gl.FLOAT, false, stride, offset);
    gl.vertexAttribDivisor(index, divisor);
  }

  // ``markOf(number)`` says how each item is emphasised.
  mark(markOf) {
    const { gl } = this;
    for (const { numbers, data, places } of this.batches) {
      numbers.forEach((number, i) => { data[18 * i + 17] = markOf(number); });
      gl.bindBuffer(gl.ARRAY_BUFFER, places);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, data);
    }
  }

  resize() {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight].map((side) => Math.round(side * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    return width / Math.max(height, 1);
  }

  draw(camera, projection) {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.clearColor(0, 0, 0, 0);
    this.begin(this.shaded, camera, projection);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    this.each(this.shaded);
  }

  // Number of the item under a point of the canvas (CSS pixels), -1 for none.
  pick(x, y, camera, projection) {
    const { gl, canvas } = this;
    const target = gl.createFramebuffer(), color = gl.createRenderbuffer(), depth = gl.createRenderbuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, target);
    for (const [buffer, format, where] of [
      [color, gl.RGBA8, gl.COLOR_ATTACHMENT0], [depth, gl.DEPTH_COMPONENT24, gl.DEPTH_ATTACHMENT],
    ]) {
      gl.bindRenderbuffer(gl.RENDERBUFFER, buffer);
      gl.renderbufferStorage(gl.RENDERBUFFER, format, canvas.width, canvas.height);
      gl.framebufferRenderbuffer(gl.FRAMEBUFFER, where, gl.RENDERBUFFER, buffer);
    }
    const scale = canvas.width / canvas.clientWidth;
    const at = [Math.floor(x * scale), canvas.height - 1 - Math.floor(y * scale)];
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(...at, 1, 1);
    gl.clearColor(0, 0, 0, 0);
    this.begin(this.numbered, camera, projection);
    gl.disable(gl.BLEND);
    this.each(this.numbered);
    const pixel = new Uint8Array(4);
    gl.readPixels(...at, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    gl.disable(gl.SCISSOR_TEST);
    gl.deleteFramebuffer(target);
    gl.deleteRenderbuffer(color);
    gl.deleteRenderbuffer(depth);
    return pixel[0] + 256 * pixel[1] + 65536 * pixel[2] - 1;
  }

  begin(used, camera, projection) {
    const { gl, canvas } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.useProgram(used);
    gl.uniformMatrix4fv(gl.getUniformLocation(used, "camera"), false, camera);
    gl.uniformMatrix4fv(gl.getUniformLocation(used, "projection"), false, projection);
  }

  each(used) {
    const { gl } = this;
    const [base, finish] = ["base", "finish"].map((name) => gl.getUniformLocation(used, name));
    for (const { array, look, primitive, numbers, buffers } of this.batches) {
      gl.uniform4f(base, ...look.color);
      gl.uniform4f(finish, look.metallic, look.roughness, Number(primitive.lines), Number(look.failed));
      gl.depthMask(look.color[3] === 1);
      gl.bindVertexArray(array);
      const mode = primitive.lines ? gl.LINES : gl.TRIANGLES;
      gl.drawElementsInstanced(mode, buffers.count, buffers.type, 0, numbers.length);
    }
    gl.depthMask(true);
    gl.bindVertexArray(null);
  }
}

// Box around all items: {min, max}.
export function boundsOf(items) {
  const min = [Infinity, Infinity, Infinity], max = [-Infinity, -Infinity, -Infinity];
  for (const { primitive: { bounds }, matrix } of items) {
    for (let corner = 0; corner < 8; corner++) {
      const at = transformed(matrix, [0, 1, 2].map((axis) => (corner >> axis) & 1 ? bounds.max[axis] : bounds.min[axis]));
      for (let axis = 0; axis < 3; axis++) {
        min[axis] = Math.min(min[axis], at[axis]);
        max[axis] = Math.max(max[axis], at[axis]);
      }
    }
  }
  return { min, max };
}

function program(gl, ...sources) {
  const made = gl.createProgram();
  sources.forEach((source, index) => {
    const shader = gl.createShader(index ? gl.FRAGMENT_SHADER : gl.VERTEX_SHADER);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  });
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  return made;
}
