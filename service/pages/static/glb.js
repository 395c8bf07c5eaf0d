// Reads the GLB that the converter writes (dcc/cad/write/glb.py): meshes that occurrences share, each node with its partKey.

const GLB = 0x46546c67, JSON_CHUNK = 0x4e4f534a;
const ARRAYS = { 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };
const SIZES = { SCALAR: 1, VEC3: 3, VEC4: 4 };
const LINES = 1;

// {items: [{partKey, occurrence, primitive, matrix, color}], primitives: [{positions, normals, indices, lines, doubleSided}]}
// Matrices are 16 numbers, column-major, to the root in metres with Y up; colours are linear RGBA of the CAD file.
export function readGlb(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 20 || view.getUint32(0, true) !== GLB || view.getUint32(16, true) !== JSON_CHUNK) {
    throw new Error("this is not a GLB");
  }
  const length = view.getUint32(12, true);
  const gltf = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, length)));
  const file = new Reader(gltf, buffer, 20 + length + 8);
  const items = [];
  for (const root of gltf.scenes[gltf.scene].nodes) file.collect(root, identity(), items);
  return { items, primitives: [...file.primitives.values()] };
}

class Reader {
  constructor(gltf, buffer, start) {
    Object.assign(this, { gltf, buffer, start, primitives: new Map() });
  }

  collect(index, parent, items) {
    const node = this.gltf.nodes[index];
    const matrix = node.matrix ? multiply(parent, node.matrix) : parent;
    if (node.mesh !== undefined) {
      const { partKey = "", occurrence = "" } = node.extras ?? {};
      for (const place of this.places(node, matrix)) {
        for (const each of this.gltf.meshes[node.mesh].primitives) {
          const color = this.gltf.materials[each.material].pbrMetallicRoughness.baseColorFactor;
          items.push({ partKey, occurrence, primitive: this.primitive(each), matrix: place, color });
        }
      }
    }
    for (const child of node.children ?? []) this.collect(child, matrix, items);
  }

  // A node stands at one place, or at those of its instancing table.
  places(node, matrix) {
    const table = node.extensions?.EXT_mesh_gpu_instancing?.attributes;
    if (!table) return [matrix];
    const [moves, turns, scales] = ["TRANSLATION", "ROTATION", "SCALE"].map((name) => this.accessor(table[name]));
    return Array.from({ length: moves.length / 3 }, (_, i) => multiply(matrix, composed(
      moves.subarray(3 * i, 3 * i + 3), turns.subarray(4 * i, 4 * i + 4), scales.subarray(3 * i, 3 * i + 3))));
  }

  primitive(each) {
    const key = `${each.indices}`;
    if (!this.primitives.has(key)) {
      this.primitives.set(key, {
        positions: this.accessor(each.attributes.POSITION),
        normals: each.attributes.NORMAL === undefined ? null : this.accessor(each.attributes.NORMAL),
        indices: this.accessor(each.indices),
        lines: each.mode === LINES,
        doubleSided: Boolean(this.gltf.materials[each.material].doubleSided),
        bounds: this.gltf.accessors[each.attributes.POSITION],
      });
    }
    return this.primitives.get(key);
  }

  accessor(index) {
    const { bufferView, componentType, count, type } = this.gltf.accessors[index];
    const { byteOffset = 0 } = this.gltf.bufferViews[bufferView];
    return new ARRAYS[componentType](this.buffer, this.start + byteOffset, count * SIZES[type]);
  }
}

export const identity = () => [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

export function multiply(a, b) {
  const out = new Array(16);
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 4; row++) {
      out[4 * column + row] = a[row] * b[4 * column] + a[4 + row] * b[4 * column + 1]
        + a[8 + row] * b[4 * column + 2] + a[12 + row] * b[4 * column + 3];
    }
  }
  return out;
}

export function transformed(m, [x, y, z]) {
  return [0, 1, 2].map((row) => m[row] * x + m[4 + row] * y + m[8 + row] * z + m[12 + row]);
}

function composed([tx, ty, tz], [x, y, z, w], [sx, sy, sz]) {
  return [
    (1 - 2 * (y * y + z * z)) * sx, 2 * (x * y + w * z) * sx, 2 * (x * z - w * y) * sx, 0,
    2 * (x * y - w * z) * sy, (1 - 2 * (x * x + z * z)) * sy, 2 * (y * z + w * x) * sy, 0,
    2 * (x * z + w * y) * sz, 2 * (y * z - w * x) * sz, (1 - 2 * (x * x + y * y)) * sz, 0,
    tx, ty, tz, 1,
  ];
}
