"""Read a GLB as a viewer does."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_COMPONENTS = {5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


@dataclass
class Glb:
    document: dict[str, Any]
    binary: bytes

    @classmethod
    def read(cls, path: Path) -> Glb:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        json_length, json_kind = struct.unpack_from("<I4s", data, 12)
        assert json_kind == b"JSON" and json_length % 4 == 0
        binary_length, binary_kind = struct.unpack_from("<I4s", data, 20 + json_length)
        assert binary_kind == b"BIN\0"
        assert 28 + json_length + binary_length == len(data)
        document = json.loads(data[20 : 20 + json_length])
        assert document["buffers"] == [{"byteLength": binary_length}]
        return cls(document, data[28 + json_length :])

    def accessor(self, index: int) -> npt.NDArray[Any]:
        accessor = self.document["accessors"][index]
        view = self.document["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        width = _WIDTHS[accessor["type"]]
        array = np.frombuffer(
            self.binary, _COMPONENTS[accessor["componentType"]], accessor["count"] * width, view["byteOffset"]
        )
        assert array.nbytes == view["byteLength"]
        return array.reshape(-1, width) if width > 1 else array

    def placed(self) -> list[tuple[dict[str, Any], npt.NDArray[np.float64]]]:
        """Every node with its matrix to the scene (row vectors)."""
        found = []
        stack = [(index, np.eye(4)) for index in self.document["scenes"][self.document["scene"]]["nodes"]]
        while stack:
            index, parent = stack.pop()
            node = self.document["nodes"][index]
            world = np.array(node.get("matrix", np.eye(4).ravel())).reshape(4, 4) @ parent
            found.append((node, world))
            stack += [(child, world) for child in node.get("children", [])]
        return found
