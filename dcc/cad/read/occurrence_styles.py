"""Colours and visibility of single occurrences deep in an assembly, which the kernel reads wrong or not at all.

A STEP file can paint one bolt of one wheel although the wheel is one product that is placed four times. It does so with

- a ``CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM``: a style, and the placements that lead down to the occurrence; or
- a ``PRESENTATION_STYLE_BY_CONTEXT`` for the shape of a ``SPECIFIED_HIGHER_USAGE_OCCURRENCE``, which is such a path.

An ``INVISIBILITY`` that names either of these hides the occurrence. All of this is read from the text. To find the same
placements in the kernel's document, their names are marked with a number before the transfer.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from OCP.Quantity import Quantity_Color, Quantity_TypeOfColor
from OCP.StepData import StepData_StepModel
from OCP.StepRepr import StepRepr_NextAssemblyUsageOccurrence
from OCP.TCollection import TCollection_HAsciiString

from dcc.cad.model import AssemblyDefinition, Placement
from dcc.cad.read.part21.statements import Statements, statements
from shared.manifest import Color

_USAGE = "NEXT_ASSEMBLY_USAGE_OCCURRENCE"
_DEEP_USAGE = "SPECIFIED_HIGHER_USAGE_OCCURRENCE"
_DEEP_STYLE = "CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM"
_READ = (
    _USAGE, _DEEP_USAGE, _DEEP_STYLE, "STYLED_ITEM", "OVER_RIDING_STYLED_ITEM", "INVISIBILITY",
    "CONTEXT_DEPENDENT_SHAPE_REPRESENTATION", "PRODUCT_DEFINITION_SHAPE", "SHAPE_DEFINITION_REPRESENTATION",
    "PRESENTATION_STYLE_ASSIGNMENT", "PRESENTATION_STYLE_BY_CONTEXT", "SURFACE_STYLE_USAGE", "SURFACE_SIDE_STYLE",
    "SURFACE_STYLE_FILL_AREA", "FILL_AREA_STYLE", "FILL_AREA_STYLE_COLOUR", "COLOUR_RGB",
    "DRAUGHTING_PRE_DEFINED_COLOUR", "SURFACE_STYLE_RENDERING", "SURFACE_STYLE_RENDERING_WITH_PROPERTIES",
    "SURFACE_STYLE_TRANSPARENT",
)  # fmt: skip
_STRING = re.compile(r"'(?:[^']|'')*'")
_REFERENCE = re.compile(r"#(\d+)")
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_NAMED_COLORS = {
    "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0), "magenta": (1, 0, 1),
    "cyan": (0, 1, 1), "black": (0, 0, 0), "white": (1, 1, 1),
}  # fmt: skip
_MARK = "\N{ESC}raceway:"
_MARKED = re.compile(r"(?:\x1b|\\X\\1B)raceway:(\d+)$", re.DOTALL)


@dataclass(frozen=True)
class OccurrenceStyle:
    """What one occurrence looks like; ``path``: the numbers of the placements down to it, in the order of the file."""

    path: tuple[int, ...]
    color: Color | None
    hidden: bool


class OccurrenceStyles:
    """The styles of a file, and the marks by which its placements are known again after the transfer."""

    def __init__(self, path: Path | None) -> None:
        """Read them from the text at ``path``; None: there are none."""
        self._styles: list[OccurrenceStyle] = []
        self._painted: dict[tuple[int, Color], tuple[AssemblyDefinition, AssemblyDefinition]] = {}
        if path is not None:
            with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                entities = statements(content, _READ)
            self._styles = list(_Reading(entities).styles())

    def mark(self, model: StepData_StepModel) -> None:
        """Mark the placements that lead to a styled occurrence; call between reading the file and the transfer."""
        wanted = {number for style in self._styles for number in style.path}
        if not wanted:
            return
        count = 0
        for index in range(1, model.NbEntities() + 1):
            usage = model.Value(index)
            if isinstance(usage, StepRepr_NextAssemblyUsageOccurrence):
                if count in wanted:
                    # The kernel takes the identifier where the name is empty.
                    name = usage.Name() if usage.Name() and usage.Name().UsefullLength() else usage.Id()
                    text = name.ToCString() if name else ""
                    usage.SetName(TCollection_HAsciiString(f"{text}{_MARK}{count}"))
                count += 1

    @staticmethod
    def unmark(name: str) -> tuple[str, int | None]:
        """The name of a placement as the file has it, and its number where it was marked (else None)."""
        found = _MARKED.search(name)
        return (name[: found.start()], int(found[1])) if found else (name, None)

    def apply(self, assemblies: Sequence[AssemblyDefinition]) -> None:
        """Give each styled occurrence its own look; ``assemblies``: each before its children.

        An assembly that stands elsewhere too is copied, so that the other places keep theirs.
        """
        if not self._styles:
            return
        for assembly in reversed(assemblies):
            for child in assembly.children:
                own = [(style.path[1:], style) for style in self._styles if style.path[0] == child.usage]
                if own:
                    self._restyle(child, own)

    def paint(self, placement: Placement, color: Color) -> None:
        """Let everything that ``placement`` shows have ``color``, whatever colours its parts have by themselves."""
        placement.color = color
        original = placement.definition
        if isinstance(original, AssemblyDefinition):
            key = (id(original), color)
            if key not in self._painted:
                # With the original, so that no other takes its address.
                self._painted[key] = (original, _copied(original))
                for child in self._painted[key][1].children:
                    self.paint(child, color)
            placement.definition = self._painted[key][1]

    def _restyle(self, placement: Placement, styles: Sequence[tuple[tuple[int, ...], OccurrenceStyle]]) -> None:
        """Apply styles, each with what is left of its path below ``placement``."""
        for path, style in styles:
            if not path:
                placement.hidden = placement.hidden or style.hidden
                if style.color:
                    self.paint(placement, style.color)
        below = [(path, style) for path, style in styles if path]
        if below and isinstance(placement.definition, AssemblyDefinition):
            placement.definition = _copied(placement.definition)
            for child in placement.definition.children:
                own = [(path[1:], style) for path, style in below if path[0] == child.usage]
                if own:
                    self._restyle(child, own)


def _copied(assembly: AssemblyDefinition) -> AssemblyDefinition:
    return replace(assembly, children=[replace(child) for child in assembly.children])


class _Reading:
    """Finds the styles of occurrences by following references between entities, which are named by their numbers."""

    def __init__(self, entities: Statements) -> None:
        self._entities = entities
        usages = (number for number, (kind, _) in entities.items() if kind == _USAGE)
        self._usages = {number: count for count, number in enumerate(usages)}
        self._hidden = {
            item for kind, text in entities.values() if kind == "INVISIBILITY" for item in _references(text)
        }

    def styles(self) -> Iterator[OccurrenceStyle]:
        shapes = {
            references[-1]: references[0]
            for kind, text in self._entities.values()
            if kind == "SHAPE_DEFINITION_REPRESENTATION" and len(references := _references(text)) == 2
        }
        for number, (kind, text) in self._entities.items():
            if kind == _DEEP_STYLE:
                lists = re.findall(r"\(([^()]*)\)", _STRING.sub("", text))
                if len(lists) == 2:
                    path = self._chained([self._path(context) for context in _references(lists[1])])
                    yield from self._style(path, _references(lists[0]), number in self._hidden)
            elif kind in ("STYLED_ITEM", "OVER_RIDING_STYLED_ITEM"):
                for style in _references(text):
                    style_kind, style_text = self._entities.get(style, ("", ""))
                    if style_kind == "PRESENTATION_STYLE_BY_CONTEXT":
                        *styles, shape = _references(style_text)
                        path = self._path(shapes.get(shape, 0))
                        # The look of a placement in its own assembly is read by the kernel.
                        if len(path) > 1:
                            yield from self._style(path, styles, number in self._hidden)

    def _style(self, path: tuple[int, ...], styles: list[int], hidden: bool) -> Iterator[OccurrenceStyle]:
        color = self._color(styles)
        if path and (color or hidden):
            yield OccurrenceStyle(path, color, hidden)

    def _path(self, number: int) -> tuple[int, ...]:
        """The placements that an entity stands for, the outermost first; empty where it stands for none."""
        kind, text = self._entities.get(number, ("", ""))
        references = _references(text)
        if kind == _USAGE:
            return (self._usages[number],)
        if kind == _DEEP_USAGE and len(references) >= 2:
            upper, lower = (self._path(reference) for reference in references[-2:])
            return upper + lower if upper and lower else ()
        if kind in ("PRODUCT_DEFINITION_SHAPE", "CONTEXT_DEPENDENT_SHAPE_REPRESENTATION") and references:
            return self._path(references[-1])
        return ()

    def _chained(self, paths: list[tuple[int, ...]]) -> tuple[int, ...]:
        """One path, the outermost placement first, out of pieces in any order; empty where they do not fit."""
        if not all(paths):
            return ()
        usages = list(self._usages)
        ends = [_references(self._entities[usages[path[0]]][1])[:1] for path in paths]
        starts = [_references(self._entities[usages[path[-1]]][1])[1:2] for path in paths]
        # The outermost is the one whose assembly is none of the others' product.
        order = [next((i for i, end in enumerate(ends) if end not in starts), 0)]
        while len(order) < len(paths):
            following = [i for i, end in enumerate(ends) if end == starts[order[-1]] and i not in order]
            if not following:
                return ()
            order.append(following[0])
        return tuple(number for index in order for number in paths[index])

    def _color(self, styles: list[int]) -> Color | None:
        """The linear RGBA colour that is found by following the references of ``styles``, breadth first."""
        rgb: tuple[float, ...] = ()
        alpha = 1.0
        queue, seen = list(styles), set(styles)
        while queue:
            kind, text = self._entities.get(queue.pop(0), ("", ""))
            plain = _STRING.sub("", text)
            if kind == "COLOUR_RGB" and not rgb:
                rgb = tuple(float(value) for value in _NUMBER.findall(plain))[:3]
            elif kind == "DRAUGHTING_PRE_DEFINED_COLOUR" and not rgb:
                rgb = _NAMED_COLORS.get(text.strip().strip("'").strip().lower(), ())
            elif kind == "SURFACE_STYLE_TRANSPARENT":
                transparency = float((_NUMBER.findall(plain) or ["0"])[0])
                alpha = 1.0 - min(max(transparency, 0.0), 1.0)
            following = [number for number in _references(text) if number not in seen]
            queue += following
            seen.update(following)
        if len(rgb) != 3 or not all(0 <= value <= 1 for value in rgb):
            return None
        # As the kernel reads every other colour of the file.
        color = Quantity_Color(*rgb, Quantity_TypeOfColor.Quantity_TOC_sRGB)
        return (round(color.Red(), 6), round(color.Green(), 6), round(color.Blue(), 6), round(alpha, 6))


def _references(text: str) -> list[int]:
    return [int(number) for number in _REFERENCE.findall(_STRING.sub("", text))]
