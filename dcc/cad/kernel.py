"""Helpers around Open CASCADE's Python bindings (OCP) that all modules of this folder share."""

from __future__ import annotations

import ctypes
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import OCP
from OCP.collections import (
    HArray1_float,
    HArray1_gp_Pnt,
    HArray1_int,
    IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher,
)
from OCP.gp import gp_Pnt, gp_Trsf
from OCP.Message import Message, Message_Gravity
from OCP.TCollection import TCollection_AsciiString, TCollection_ExtendedString
from OCP.TDataStd import TDataStd_Name
from OCP.TDF import TDF_Label, TDF_Tool
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape

from shared.errors import CadError

Array = npt.NDArray[Any]

KERNEL = f"Open CASCADE {'.'.join(OCP.__version__.split('.')[:3])}"
"""Name and version of the kernel: triangles differ a little between versions."""

IDENTITY_MATRIX: Array = np.eye(4)


def silence() -> None:
    """Keep the kernel from printing to the console, but for failures. (Warnings about a file go to the manifest.)"""
    for printer in Message.DefaultMessenger_s().Printers():
        printer.SetTraceLevel(Message_Gravity.Message_Fail)


def is_kernel_error(error: BaseException) -> bool:
    """Whether the kernel raised ``error``: its exceptions share no Python base class, only their package."""
    return type(error).__module__.partition(".")[0] == "OCP"


def kernel_failed(name: str, error: BaseException) -> CadError:
    """The coded error for one that the kernel raised about the file ``name``."""
    return CadError(
        f"The CAD kernel gave up on {name}: {str(error).strip() or type(error).__name__}.",
        code="cad.kernel_failed",
        hint="The file is probably damaged; export it again.",
    )


def extended_string(text: str) -> TCollection_ExtendedString:
    """``text`` for the kernel; without the flag it would mangle everything that is not ASCII."""
    return TCollection_ExtendedString(text, True)


def label_name(label: TDF_Label) -> str:
    """Name on a document label, empty where it has none."""
    # FindAttribute crashes where the attribute is absent.
    if not label.IsAttribute(TDataStd_Name.GetID_s()):
        return ""
    attribute = TDataStd_Name()
    label.FindAttribute(TDataStd_Name.GetID_s(), attribute)
    return cast(str, attribute.Get().ToExtString())


def label_entry(label: TDF_Label) -> str:
    """Address of a label in its document (``0:1:1:2``): the key to find it again."""
    entry = TCollection_AsciiString()
    TDF_Tool.Entry_s(label, entry)
    return cast(str, entry.ToCString())


def elements(collection: Any) -> list[Any]:
    """What a sequence or an indexed map of the kernel holds, in order.

    The bindings end every ``for`` over one of them with a C++ exception, which takes as long as to fetch hundreds.
    """
    fetch = collection.FindKey if hasattr(collection, "FindKey") else collection.Value
    return [fetch(index) for index in range(1, collection.Length() + 1)]


def shape_map(shape: TopoDS_Shape, kind: TopAbs_ShapeEnum) -> IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher:
    """The distinct sub-shapes of one kind with their indices, which start at 1."""
    found = IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher()
    TopExp.MapShapes_s(shape, kind, found)
    return found


def sub_shapes(shape: TopoDS_Shape, kind: TopAbs_ShapeEnum) -> list[TopoDS_Shape]:
    """The distinct sub-shapes of one kind, in the kernel's order."""
    return elements(shape_map(shape, kind))


def matrix_of(location: TopLoc_Location) -> Array:
    """A placement as a 4x4 float64 matrix for row vectors (USD's convention: the last row is the translation)."""
    if location.IsIdentity():
        return IDENTITY_MATRIX
    return matrix_of_transform(location.Transformation())


def matrix_of_transform(transform: gp_Trsf) -> Array:
    """A kernel transform as a 4x4 float64 matrix for row vectors."""
    matrix = np.eye(4)
    for row in range(3):
        for column in range(4):
            matrix[column, row] = transform.Value(row + 1, column + 1)
    return matrix


def _address(array: object) -> int:
    """Address of the elements of a kernel array.

    OCP gives no buffer access. The Python object holds a pointer to the C++ array after its own 16-byte header; the
    array holds its virtual table, lower bound, size and element pointer.
    """
    instance = ctypes.c_size_t.from_address(id(array) + 16).value
    return ctypes.c_size_t.from_address(instance + 24).value


def _copy(array: Any, dtype: type[np.generic], length: int) -> Array:
    """The first ``length`` numbers of a kernel array, read-only."""
    return np.frombuffer(ctypes.string_at(_address(array), length * dtype().itemsize), dtype)


def points_of(array: Any) -> Array:
    """Copy of an array of gp_Pnt as (N, 3) float64."""
    count = array.Length()
    if _DIRECT_ACCESS:
        return _copy(array, np.float64, 3 * count).reshape(count, 3)
    values = ((point.X(), point.Y(), point.Z()) for point in array)
    return np.fromiter(values, dtype=(np.float64, 3), count=count)


def floats_of(array: Any) -> Array:
    """Copy of an array of 32-bit floats as (N,) float32."""
    count = array.Length()
    if _DIRECT_ACCESS:
        return _copy(array, np.float32, count)
    return np.fromiter(array, dtype=np.float32, count=count)


def triangles_of(array: Any) -> Array:
    """Copy of an array of Poly_Triangle as (N, 3) int32; indices start at 0."""
    count = array.Length()
    if _DIRECT_ACCESS:
        return _copy(array, np.int32, 3 * count).reshape(count, 3) - np.int32(1)
    values = ((t.Value(1) - 1, t.Value(2) - 1, t.Value(3) - 1) for t in array)
    return np.fromiter(values, dtype=(np.int32, 3), count=count)


def _layout_is_as_expected() -> bool:
    """Whether arrays of this OCP build lie in memory as ``_address`` takes for granted."""
    points = HArray1_gp_Pnt(1, 3)
    floats = HArray1_float(1, 3)
    integers = HArray1_int(1, 3)
    for index in (1, 2, 3):
        points.SetValue(index, gp_Pnt(index, 10 * index, 100 * index))
        floats.SetValue(index, 0.5 * index)
        integers.SetValue(index, 7 * index)
    for array in (points, floats, integers):
        instance = ctypes.c_size_t.from_address(id(array) + 16).value
        # Bounds first: a wrong guess must be found out before a pointer is followed.
        bounds = (ctypes.c_int64 * 2).from_address(instance + 8)
        if tuple(bounds) != (1, 3):
            return False
    return bool(
        _copy(points, np.float64, 9).tolist() == [1, 10, 100, 2, 20, 200, 3, 30, 300]
        and _copy(floats, np.float32, 3).tolist() == [0.5, 1.0, 1.5]
        and _copy(integers, np.int32, 3).tolist() == [7, 14, 21]
    )


_DIRECT_ACCESS = _layout_is_as_expected()
