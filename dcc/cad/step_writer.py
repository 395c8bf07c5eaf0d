"""Write STEP assemblies: products with names, colours and materials, placed in assemblies."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from OCP.gp import gp_Trsf
from OCP.IFSelect import IFSelect_ReturnStatus
from OCP.Interface import Interface_Static
from OCP.Quantity import Quantity_Color, Quantity_TypeOfColor
from OCP.STEPCAFControl import STEPCAFControl_Writer
from OCP.TCollection import TCollection_HAsciiString
from OCP.TDataStd import TDataStd_Name
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ColorType, XCAFDoc_DocumentTool

from dcc.cad.kernel import extended_string, silence
from shared.errors import CadError
from shared.files import atomic_path


class StepWriter:
    """A STEP document under construction; lengths are millimetres."""

    def __init__(self, unit: str = "MM") -> None:
        """``unit``: the length unit the file is written in, as the kernel names it (MM, M, INCH, ...)."""
        self._unit = unit
        self._document = TDocStd_Document(extended_string("XmlXCAF"))
        main = self._document.Main()
        XCAFDoc_DocumentTool.SetLengthUnit_s(self._document, 0.001)
        self._shapes = XCAFDoc_DocumentTool.ShapeTool_s(main)
        self._colors = XCAFDoc_DocumentTool.ColorTool_s(main)
        self._materials = XCAFDoc_DocumentTool.MaterialTool_s(main)
        self._layers = XCAFDoc_DocumentTool.LayerTool_s(main)

    def part(
        self,
        name: str,
        shape: TopoDS_Shape,
        *,
        color: str = "",
        material: str = "",
        density: float = 1.0,
        layer: str = "",
        hidden: bool = False,
        face_colors: Iterable[tuple[TopoDS_Shape, str]] = (),
    ) -> TDF_Label:
        """Add a product. ``color`` is an sRGB hex such as ``8a8d90``; ``density`` in g/cm3."""
        label = self._shapes.AddShape(shape, False)
        TDataStd_Name.Set_s(label, extended_string(name))
        if color:
            self._set_color(label, color)
        if material:
            text = TCollection_HAsciiString
            self._materials.SetMaterial(
                label, text(material), text(""), density, text("g/cm3"), text("POSITIVE_RATIO_MEASURE")
            )
        if layer:
            self._layers.SetLayer(label, extended_string(layer))
        if hidden:
            self._colors.SetVisibility(label, False)
        for face, face_color in face_colors:
            self._set_color(self._shapes.AddSubShape(label, face), face_color)
        return label

    def assembly(self, name: str) -> TDF_Label:
        """Add an assembly without children."""
        label = self._shapes.NewShape()
        TDataStd_Name.Set_s(label, extended_string(name))
        return label

    def place(
        self,
        assembly: TDF_Label,
        child: TDF_Label,
        transform: gp_Trsf | None = None,
        *,
        name: str = "",
        color: str = "",
    ) -> TDF_Label:
        """Add an occurrence of ``child`` (part or assembly) to ``assembly``; ``color`` overrides the child's."""
        component = self._shapes.AddComponent(assembly, child, TopLoc_Location(transform or gp_Trsf()))
        if name:
            TDataStd_Name.Set_s(component, extended_string(name))
        if color:
            self._set_color(component, color)
        return component

    def write(self, path: str | Path) -> None:
        """Write the file, whole or not at all.

        Raises CadError (``cad.write_failed``) where the kernel refuses, StorageError where the disk does.
        """
        silence()
        self._shapes.UpdateAssemblies()
        writer = STEPCAFControl_Writer()
        Interface_Static.SetCVal_s("write.step.unit", self._unit)
        transferred = writer.Transfer(self._document)
        with atomic_path(path) as temporary:
            if not transferred or writer.Write(str(temporary)) != IFSelect_ReturnStatus.IFSelect_RetDone:
                raise CadError(
                    f"The CAD kernel could not write {path}.",
                    code="cad.write_failed",
                    hint="Check the free space of the disk.",
                )

    def _set_color(self, label: TDF_Label, color: str) -> None:
        red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (0, 2, 4))
        value = Quantity_Color(red, green, blue, Quantity_TypeOfColor.Quantity_TOC_sRGB)
        self._colors.SetColor(label, value, XCAFDoc_ColorType.XCAFDoc_ColorSurf)
