"""Placements that mirror or scale: STEP's ``CARTESIAN_TRANSFORMATION_OPERATOR_3D``.

The kernel turns a mirror image into a rotation and inverts a scale, without a word. So each operator that does either
is replaced, before the transfer, by a translation that cannot occur otherwise; where that translation turns up
afterwards, the operator's own matrix is put in its place.
"""

from __future__ import annotations

import numpy as np
from OCP.collections import HArray1_double
from OCP.StepData import StepData_StepModel
from OCP.StepGeom import StepGeom_CartesianPoint, StepGeom_CartesianTransformationOperator3d, StepGeom_Direction
from OCP.TCollection import TCollection_HAsciiString

from dcc.cad.kernel import Array

_FAR = 1e9
"""How far away marks lie, in the file's length unit: no model is that large, and float64 resolves 1e-7 units there."""
_GRID = 64
"""Marks lie on a grid, ``_FAR / _GRID`` apart: this many columns in z, and as many rows in y as are needed."""
_MILLIMETRES = (1.0, 10.0, 100.0, 1000.0, 25.4, 304.8, 914.4, 1e6, 0.001)
"""Millimetres in each length unit that a STEP file may use: mm, cm, dm, m, inch, foot, yard, km, micrometre."""
_LEAST_CHANGE = 1e-9
"""How far the determinant of a matrix may be from 1 for it to be a plain rotation, which the kernel reads right."""


class TransformOperators:
    """The mirroring and scaling operators of one STEP model.

    ``damaged``: how many have a scale of 0, or one that is no finite number; they are read without it.
    """

    def __init__(self, model: StepData_StepModel | None) -> None:
        """Find them and mark them; call between reading the file and the transfer. None: there are none."""
        self._matrices: list[Array] = []
        self.damaged = 0
        for number in range(1, model.NbEntities() + 1 if model else 1):
            operator = model.Value(number) if model else None
            if isinstance(operator, StepGeom_CartesianTransformationOperator3d):
                matrix = _matrix_of(operator)
                if not 0 < abs(_determinant(matrix)) < np.inf:
                    self.damaged += 1
                    operator.SetScale(1.0)
                    matrix = _matrix_of(operator)
                if abs(_determinant(matrix) - 1) >= _LEAST_CHANGE:
                    self._matrices.append(matrix)
                    _replace(operator, _mark(len(self._matrices) - 1))

    def restore(self, matrix: Array) -> Array:
        """``matrix`` (4x4, mm, row vectors), with the operator's own matrix where the kernel's holds a mark."""
        if not self._matrices or abs(matrix[3, 0]) < _FAR * min(_MILLIMETRES) / 2:
            return matrix
        # The kernel has converted the mark to millimetres, and inverted the placement where it needed the inverse.
        inverse = bool(matrix[3, 0] < 0)
        unit = min(_MILLIMETRES, key=lambda unit: abs(abs(matrix[3, 0]) / _FAR - unit) / unit)
        rotation = matrix[:3, :3]
        position = -matrix[3, :3] @ rotation.T if inverse else matrix[3, :3]
        row, column = (round(float(position[axis]) / _FAR / unit * _GRID) - 1 for axis in (1, 2))
        index = row * _GRID + column
        if not (row >= 0 and 0 <= column < _GRID and index < len(self._matrices)):
            return matrix
        own, rest = self._matrices[index].copy(), matrix.copy()
        own[3, :3] *= unit
        mark = _mark(index) * unit
        rest[3, :3] += mark @ rotation if inverse else -mark
        return np.asarray(np.linalg.inv(own) @ rest if inverse else rest @ own)


def _determinant(matrix: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.linalg.det(matrix[:3, :3]))


def _mark(index: int) -> Array:
    """The translation (3,) that stands for the operator of this number, in the file's length unit."""
    row, column = divmod(index, _GRID)
    return np.array([1.0, (row + 1) / _GRID, (column + 1) / _GRID]) * _FAR


def _replace(operator: StepGeom_CartesianTransformationOperator3d, translation: Array) -> None:
    origin = StepGeom_CartesianPoint()
    origin.Init3D(TCollection_HAsciiString(""), *translation.tolist())
    operator.SetLocalOrigin(origin)
    operator.SetAxis1(_direction(1, 0, 0))
    operator.SetAxis2(_direction(0, 1, 0))
    operator.SetAxis3(_direction(0, 0, 1))
    operator.SetScale(1.0)


def _matrix_of(operator: StepGeom_CartesianTransformationOperator3d) -> Array:
    """The operator's matrix for row vectors, after ISO 10303-42 (``base_axis``); translation in the file's units."""
    third = _given(operator.Axis3(), (0, 0, 1))
    first = _orthogonal(_given(operator.Axis1(), (1, 0, 0)), third)
    second = np.cross(third, first)
    # The second axis decides on which side it lies: on the other, the operator mirrors.
    if operator.HasAxis2() and np.dot(_given(operator.Axis2(), (0, 1, 0)), second) < 0:
        second = -second
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([first, second, third]) * (operator.Scale() if operator.HasScale() else 1.0)
    origin = operator.LocalOrigin()
    matrix[3, :3] = [origin.CoordinatesValue(index) for index in (1, 2, 3)]
    return matrix


def _given(direction: StepGeom_Direction | None, default: tuple[float, float, float]) -> Array:
    if direction is None:
        return np.array(default, np.float64)
    ratios = np.array([direction.DirectionRatiosValue(index) for index in (1, 2, 3)], np.float64)
    length = np.linalg.norm(ratios)
    return ratios / length if length > 1e-12 else np.array(default, np.float64)


def _orthogonal(direction: Array, axis: Array) -> Array:
    projected = direction - np.dot(direction, axis) * axis
    length = np.linalg.norm(projected)
    if length < 1e-9:
        projected = np.cross(axis, [0, 1, 0] if abs(axis[0]) > 0.9 else [1, 0, 0])
        length = np.linalg.norm(projected)
    return np.asarray(projected / length)


def _direction(x: float, y: float, z: float) -> StepGeom_Direction:
    ratios = HArray1_double(1, 3)
    for index, value in enumerate((x, y, z), 1):
        ratios.SetValue(index, value)
    direction = StepGeom_Direction()
    direction.Init(TCollection_HAsciiString(""), ratios)
    return direction
