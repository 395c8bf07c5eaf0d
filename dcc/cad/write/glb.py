"""Write the GLB that browsers show: binary glTF 2.0, in metres, Y up.

Format: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html, section 4 for the binary container.

Meshes are written once and shared by the nodes of their occurrences. Part nodes carry ``partKey`` and ``occurrence``
in their extras, and the scene's extras hold ``partKeyMap``: partKey to the part's name.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from dcc.cad.kernel import Array
from dcc.cad.scene import Scene, SceneAssembly, ScenePart
from dcc.cad.write.colors import color_subsets
from shared.files import atomic_write
from shared.manifest import Color

_MAGIC, _VERSION, _JSON_CHUNK, _BINARY_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_ARRAY_BUFFER, _ELEMENT_BUFFER = 34962, 34963
_TYPES = {np.dtype(np.uint16): 5123, np.dtype(np.uint32): 5125, np.dtype(np.float32): 5126}
_LINES, _TRIANGLES = 1, 4
_INSTANCING = "EXT_mesh_gpu_instancing"

_UNCOLORED: Color = (0.5, 0.5, 0.5, 1.0)
"""What parts without a colour look like."""
# glTF stores matrices column by column, for column vectors: the same numbers as row by row for row vectors, which is
# how all matrices here are written.
_MILLIMETRES_Z_UP_TO_METRES_Y_UP = [0.001, 0, 0, 0, 0, 0, -0.001, 0, 0, 0.001, 0, 0, 0, 0, 0, 1]


def write_glb(scene: Scene, path: Path) -> None:
    """Write ``scene``, whole or not at all; the same scene gives the same bytes. Hidden occurrences are left out.

    Raises StorageError where the disk refuses.
    """
    atomic_write(path, _Document(scene).to_bytes())


class _Document:
    """A glTF document and its one buffer under construction."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._chunks: list[bytes] = []
        self._size = 0
        self._meshes: dict[tuple[str, Color | None], int] = {}
        self._geometry: dict[str, list[tuple[dict[str, Any], Color | None]]] = {}
        self._materials: dict[tuple[Color, bool], int] = {}
        self._json: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "Raceway"},
            "scene": 0,
            "scenes": [{"nodes": [0], "extras": {"partKeyMap": _part_key_map(scene)}}],
            "nodes": [{"name": scene.name, "matrix": _MILLIMETRES_Z_UP_TO_METRES_Y_UP}],
            "meshes": [],
            "materials": [],
            "accessors": [],
            "bufferViews": [],
        }
        children = self._instanced_nodes() if scene.nested else self._children(scene.root, "", scene.root.color)
        if children:
            self._json["nodes"][0]["children"] = children

    def to_bytes(self) -> bytes:
        document = {key: value for key, value in self._json.items() if value != []}
        if self._size:
            document["buffers"] = [{"byteLength": self._size}]
        text = _padded(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8"), b" ")
        binary = b"".join(self._chunks)
        total = 12 + 8 + len(text) + (8 + len(binary) if binary else 0)
        parts = [struct.pack("<III", _MAGIC, _VERSION, total), struct.pack("<II", len(text), _JSON_CHUNK), text]
        if binary:
            parts += [struct.pack("<II", len(binary), _BINARY_CHUNK), binary]
        return b"".join(parts)

    def _children(self, assembly: SceneAssembly, prefix: str, inherited: Color | None) -> list[int]:
        indices: list[int] = []
        for child in assembly.children:
            if child.hidden:
                continue
            path = prefix + child.name
            node: dict[str, Any] = {"name": child.source_name or child.name}
            if not np.array_equal(child.matrix, np.eye(4)):
                node["matrix"] = child.matrix.ravel().tolist()
            target = child.target
            if isinstance(target, ScenePart):
                node["mesh"] = self._mesh(target, child.color, inherited)
                node["extras"] = {"partKey": target.key, "occurrence": path}
            else:
                below = self._children(target, path + "/", child.color or target.color or inherited)
                if not below:
                    continue
                node["children"] = below
            indices.append(self._node(node))
        return indices

    def _instanced_nodes(self) -> list[int]:
        """One node per part and colour, with the placements of all its occurrences as an instancing table."""
        self._json["extensionsUsed"] = self._json["extensionsRequired"] = [_INSTANCING]
        placed: dict[tuple[str, Color | None], tuple[ScenePart, list[Array]]] = {}
        for item in self._scene.occurrences():
            if not item.hidden:
                placed.setdefault((item.part.key, item.color), (item.part, []))[1].append(item.matrix)
        nodes = []
        for (key, color), (part, matrices) in sorted(placed.items(), key=lambda entry: str(entry[0])):
            translations, rotations, scales = _decompose(np.array(matrices))
            attributes = {
                "TRANSLATION": self._accessor(translations, "VEC3"),
                "ROTATION": self._accessor(rotations, "VEC4"),
                "SCALE": self._accessor(scales, "VEC3"),
            }
            node = {
                "name": part.definition.name or key,
                "mesh": self._mesh(part, color, None),
                "extras": {"partKey": key},
                "extensions": {_INSTANCING: {"attributes": attributes}},
            }
            nodes.append(self._node(node))
        return nodes

    def _node(self, node: dict[str, Any]) -> int:
        self._json["nodes"].append(node)
        return len(self._json["nodes"]) - 1

    def _mesh(self, part: ScenePart, override: Color | None, inherited: Color | None) -> int:
        """Index of the mesh of ``part`` in the colour it has at one place; geometry is shared between colours."""
        own = part.definition.color
        color = override or own or inherited
        key = (part.key, color if override or not own else None)
        if key not in self._meshes:
            if part.key not in self._geometry:
                self._geometry[part.key] = self._primitives(part)
            double_sided = part.definition.kind != "solid"
            primitives = [
                {**primitive, "material": self._material(face_color or color or _UNCOLORED, double_sided)}
                for primitive, face_color in self._geometry[part.key]
            ]
            self._json["meshes"].append({"name": part.key, "primitives": primitives})
            self._meshes[key] = len(self._json["meshes"]) - 1
        return self._meshes[key]

    def _primitives(self, part: ScenePart) -> list[tuple[dict[str, Any], Color | None]]:
        mesh, curves = part.geometry.mesh, part.geometry.curves
        if curves is not None:
            position = self._accessor(curves.points, "VEC3", _ARRAY_BUFFER, bounds=True)
            starts = np.arange(len(curves.points) - 1)
            inside = np.delete(starts, np.cumsum(curves.counts)[:-1] - 1)
            segments = np.stack([inside, inside + 1], axis=1)
            indices = self._accessor(_compact(segments, len(curves.points)), "SCALAR", _ELEMENT_BUFFER)
            return [({"attributes": {"POSITION": position}, "indices": indices, "mode": _LINES}, None)]
        assert mesh is not None
        attributes = {
            "POSITION": self._accessor(mesh.vertices, "VEC3", _ARRAY_BUFFER, bounds=True),
            "NORMAL": self._accessor(mesh.normals, "VEC3", _ARRAY_BUFFER),
        }
        groups: list[tuple[Array, Color | None]] = []
        rest = np.ones(len(mesh.triangles), bool)
        for subset in color_subsets(part, mesh):
            groups.append((mesh.triangles[subset.triangles], subset.color))
            rest[subset.triangles] = False
        if rest.any():
            groups.insert(0, (mesh.triangles[rest], None))
        return [
            (
                {
                    "attributes": attributes,
                    "indices": self._accessor(_compact(triangles, len(mesh.vertices)), "SCALAR", _ELEMENT_BUFFER),
                    "mode": _TRIANGLES,
                },
                color,
            )
            for triangles, color in groups
        ]

    def _material(self, color: Color, double_sided: bool) -> int:
        key = (color, double_sided)
        if key not in self._materials:
            material: dict[str, Any] = {
                "pbrMetallicRoughness": {"baseColorFactor": list(color), "metallicFactor": 0.0, "roughnessFactor": 0.5}
            }
            if color[3] < 1:
                material["alphaMode"] = "BLEND"
            if double_sided:
                material["doubleSided"] = True
            self._json["materials"].append(material)
            self._materials[key] = len(self._json["materials"]) - 1
        return self._materials[key]

    def _accessor(self, array: Array, kind: str, target: int = 0, *, bounds: bool = False) -> int:
        data = _padded(np.ascontiguousarray(array).tobytes(), b"\0")
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._size, "byteLength": array.nbytes}
        if target:
            view["target"] = target
        self._chunks.append(data)
        self._size += len(data)
        self._json["bufferViews"].append(view)
        accessor: dict[str, Any] = {
            "bufferView": len(self._json["bufferViews"]) - 1,
            "componentType": _TYPES[array.dtype],
            "count": array.size if kind == "SCALAR" else len(array),
            "type": kind,
        }
        if bounds:
            accessor["min"] = array.min(axis=0).tolist()
            accessor["max"] = array.max(axis=0).tolist()
        self._json["accessors"].append(accessor)
        return len(self._json["accessors"]) - 1


def _part_key_map(scene: Scene) -> dict[str, str]:
    return {part.key: part.definition.body_name or part.definition.name for part in scene.parts}


def _compact(indices: Array, count: int) -> Array:
    # The highest value of each type is the primitive-restart mark and may not be used.
    return indices.ravel().astype(np.uint16 if count < 65535 else np.uint32)


def _padded(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % 4)


def _decompose(matrices: Array) -> tuple[Array, Array, Array]:
    """Translations (N, 3), rotations (N, 4: x, y, z, w) and scales (N, 3), float32, of row-vector matrices (N, 4, 4).

    A mirror image gets a negative scale; shear, which rigid assemblies do not have, is lost.
    """
    linear = matrices[:, :3, :3]
    scales = np.linalg.norm(linear, axis=2)
    scales[np.linalg.det(linear) < 0, 0] *= -1
    # Columns of a rotation for column vectors are the rows for row vectors.
    r = np.swapaxes(linear / np.where(scales == 0, 1, scales)[:, :, None], 1, 2)
    squares = np.stack(
        [
            1 + r[:, 0, 0] - r[:, 1, 1] - r[:, 2, 2],
            1 - r[:, 0, 0] + r[:, 1, 1] - r[:, 2, 2],
            1 - r[:, 0, 0] - r[:, 1, 1] + r[:, 2, 2],
            1 + r[:, 0, 0] + r[:, 1, 1] + r[:, 2, 2],
        ],
        axis=1,
    )
    signs = np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], axis=1)
    sums = np.stack([r[:, 0, 1] + r[:, 1, 0], r[:, 0, 2] + r[:, 2, 0], r[:, 1, 2] + r[:, 2, 1]], axis=1)
    # Each case divides by its largest component, so none divides by almost zero.
    cases = np.empty((len(r), 4, 4))
    cases[:, 0] = np.stack([squares[:, 0], sums[:, 0], sums[:, 1], signs[:, 0]], axis=1)
    cases[:, 1] = np.stack([sums[:, 0], squares[:, 1], sums[:, 2], signs[:, 1]], axis=1)
    cases[:, 2] = np.stack([sums[:, 1], sums[:, 2], squares[:, 2], signs[:, 2]], axis=1)
    cases[:, 3] = np.stack([signs[:, 0], signs[:, 1], signs[:, 2], squares[:, 3]], axis=1)
    quaternions = cases[np.arange(len(r)), np.argmax(squares, axis=1)]
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return matrices[:, 3, :3].astype(np.float32), quaternions.astype(np.float32), scales.astype(np.float32)
