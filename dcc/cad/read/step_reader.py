"""Read a STEP file with the CAD kernel, in three steps, each of which hands its result to the next.

:func:`parse_step` reads the text; :meth:`ParsedStep.build` has the kernel build the shapes; :class:`BuiltStep` gives
the model with its product structure, placements, names, colours, layers and materials. Nothing is tessellated.
"""

from __future__ import annotations

import contextlib
import mmap
from dataclasses import dataclass
from pathlib import Path

from OCP.collections import Sequence_TCollection_AsciiString, Sequence_TDF_Label
from OCP.IFSelect import IFSelect_ReturnStatus
from OCP.Interface import Interface_Static
from OCP.STEPCAFControl import STEPCAFControl_Reader
from OCP.TDocStd import TDocStd_Document
from OCP.XCAFDoc import XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from dcc.cad.kernel import elements, extended_string
from dcc.cad.model import CadModel
from dcc.cad.read.features import Features, features_of
from dcc.cad.read.layers import layer_the_shapes
from dcc.cad.read.losses import Loss, losses_of
from dcc.cad.read.occurrence_styles import OccurrenceStyles
from dcc.cad.read.other_forms import readable
from dcc.cad.read.other_properties import leave_materials_only
from dcc.cad.read.structure import Product, StandIns, Structure
from dcc.cad.read.taken_apart import BodyNames
from dcc.cad.read.tessellated_items import leave_out_second_shapes
from dcc.cad.read.transform_operators import TransformOperators
from shared.errors import CadError
from shared.manifest import ModelWarning


def parse_step(path: Path, *, name: str = "", body_names: bool = True, features: Features | None = None) -> ParsedStep:
    """Read the text of a STEP file into the kernel's model of entities.

    ``name`` is what the file's owner calls it. ``body_names``: whether to read the names of bodies, which costs the
    kernel quadratic time in the number of placements. ``features``: what the file may contain (default: found out by
    searching its text).

    Raises CadError (``cad.unreadable``) where the kernel finds no STEP data in it.
    """
    features = features or _features_in(path)
    reader = _reader(body_names, features)
    with readable(path) if features.other_forms else contextlib.nullcontext(path) as file:
        status = reader.ReadFile(str(file))
    if status != IFSelect_ReturnStatus.IFSelect_RetDone:
        raise CadError(
            f"{name or path.name} cannot be read: the CAD kernel found no valid STEP data in it.",
            code="cad.unreadable",
            hint="Export it again as STEP AP214 or AP242.",
        )
    return ParsedStep(reader, path, name or path.name, body_names, features, _syntax_errors(reader))


def _features_in(path: Path) -> Features:
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return features_of(text)


def _reader(body_names: bool, features: Features) -> STEPCAFControl_Reader:
    reader = STEPCAFControl_Reader()
    reader.SetNameMode(True)
    reader.SetColorMode(True)
    reader.SetLayerMode(True)
    reader.SetMatMode(True)
    reader.SetSHUOMode(True)
    reader.SetPropsMode(False)
    reader.SetGDTMode(False)
    reader.SetViewMode(False)
    Interface_Static.SetIVal_s("read.stepcaf.subshapes.name", int(body_names))
    # It would call nameless things SOLID or COMPOUND.
    XCAFDoc_ShapeTool.SetAutoNaming_s(False)
    # Many AP242 files hold a mesh beside the exact shape: it is only wanted where there is no other.
    Interface_Static.SetCVal_s("read.step.tessellated", "OnNoBRep")
    Interface_Static.SetCVal_s("read.step.codepage", features.encoding)
    return reader


def _syntax_errors(reader: STEPCAFControl_Reader) -> tuple[ModelWarning, ...]:
    check = reader.ChangeReader().StepModel().GlobalCheck(True)
    if not check.NbFails():
        return ()
    return (
        ModelWarning(
            "cad.damaged",
            f"The file is damaged ({check.NbFails()} syntax errors; the first: {check.CFail(1).strip()})."
            " Parts of the model may be missing.",
        ),
    )


@dataclass(frozen=True)
class ParsedStep:
    """A STEP file whose text was read. ``warnings``: what was wrong with it."""

    reader: STEPCAFControl_Reader
    path: Path
    name: str
    body_names: bool
    features: Features
    warnings: tuple[ModelWarning, ...]

    def build(self) -> BuiltStep:
        """Have the kernel build the shapes (in mm). It changes the kernel's entities: for one time."""
        entities = self.reader.ChangeReader().StepModel()
        operators = TransformOperators(entities if self.features.operators else None)
        styles = OccurrenceStyles(self.path if self.features.occurrence_styles else None)
        styles.mark(entities)
        if self.features.layers:
            layer_the_shapes(entities)
        if self.features.properties:
            leave_materials_only(entities)
        if self.features.meshes:
            leave_out_second_shapes(entities)
        document = TDocStd_Document(extended_string("XmlXCAF"))
        XCAFDoc_DocumentTool.SetLengthUnit_s(document, 0.001)
        self.reader.Transfer(document)
        return BuiltStep(self, document, operators, styles, self.warnings + _damaged_placements(operators))


def _damaged_placements(operators: TransformOperators) -> tuple[ModelWarning, ...]:
    if not operators.damaged:
        return ()
    count = "1 placement has" if operators.damaged == 1 else f"{operators.damaged:,} placements have"
    return (ModelWarning("cad.damaged_placement", f"{count} a scale that is 0 or no number; it is taken for 1."),)


@dataclass(frozen=True)
class BuiltStep:
    """A STEP file whose shapes are built. ``warnings``: what was wrong with its text and its placements."""

    parsed: ParsedStep
    document: TDocStd_Document
    operators: TransformOperators
    styles: OccurrenceStyles
    warnings: tuple[ModelWarning, ...]

    def model(self, stand_ins: StandIns | None = None) -> CadModel:
        """The shapes and the product structure.

        ``stand_ins`` finds the product that a shape stands in for, where some were read elsewhere.

        Raises CadError (``cad.empty``) where the file holds no shape at all.
        """
        structure = self._structure(stand_ins)
        root = structure.root(self._free_labels())
        if root is None:
            nothing = f"{self.parsed.name} contains no shape: no solids, no surfaces, no curves."
            raise CadError(
                " ".join([nothing, *(warning.message for warning in self.warnings)]),
                code="cad.empty",
                hint="Export the model with its geometry (an assembly with its parts in the same file).",
            )
        model = CadModel(root, self._units(), structure.components, [*self.warnings, *structure.warnings])
        self.styles.apply(model.assemblies())
        return model

    def products(self) -> list[Product]:
        """Each product of a file without assemblies, by itself."""
        structure = self._structure(None)
        return [structure.product(label) for label in elements(self._free_labels())]

    def losses(self, *, short: bool) -> list[Loss]:
        """What products have lost of their shapes (see :func:`dcc.cad.read.losses.losses_of`)."""
        return losses_of(self.parsed.reader.ChangeReader().WS(), short=short)

    def _structure(self, stand_ins: StandIns | None) -> Structure:
        body_names = self._names_of_bodies if self.parsed.body_names else lambda: None
        return Structure(self.document, self.operators, self.styles, stand_ins, body_names)

    def _free_labels(self) -> Sequence_TDF_Label:
        free = Sequence_TDF_Label()
        XCAFDoc_DocumentTool.ShapeTool_s(self.document.Main()).GetFreeShapes(free)
        return free

    def _names_of_bodies(self) -> BodyNames:
        reader = self.parsed.reader.ChangeReader()
        return BodyNames(reader.StepModel(), reader.WS().TransferReader().TransientProcess())

    def _units(self) -> tuple[str, ...]:
        lengths, angles, solid_angles = (Sequence_TCollection_AsciiString() for _ in range(3))
        self.parsed.reader.ChangeReader().FileUnits(lengths, angles, solid_angles)
        return tuple(dict.fromkeys(name.ToCString() for name in elements(lengths)))
