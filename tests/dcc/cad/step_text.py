"""Edits of real STEP files as text (ISO 10303-21): whatever else is in a file stays as its CAD system wrote it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_STRING = r"'(?:[^']|'')*'"
_ENTITY = re.compile(rf"#(\d+)\s*=\s*((?:{_STRING}|[^';])*);")
_COMMENT = re.compile(rf"({_STRING})|/\*.*?\*/", re.DOTALL)
_REFERENCE = re.compile(rf"({_STRING})|#(\d+)")
_PLACED = "CONTEXT_DEPENDENT_SHAPE_REPRESENTATION"
_PRODUCT = re.compile(rf"PRODUCT\s*\(\s*{_STRING}\s*,\s*{_STRING}\s*,", re.DOTALL)


@dataclass
class StepText:
    """``entities``: text of each by its number, in the order of the file."""

    head: str
    entities: dict[int, str]

    @classmethod
    def read(cls, path: Path) -> StepText:
        text = _COMMENT.sub(lambda found: found[1] or "", path.read_text(encoding="latin-1"))
        head, data = re.split(r"(?<=;)\s*DATA\s*;", text, maxsplit=1)
        return cls(head + "\nDATA;\n", {int(number): body for number, body in _ENTITY.findall(data)})

    def write(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"#{number}={body};" for number, body in self.entities.items()]
        path.write_text(self.head + "\n".join(lines) + "\nENDSEC;\nEND-ISO-10303-21;\n", encoding="latin-1")
        return path

    def copy(self) -> StepText:
        return StepText(self.head, dict(self.entities))

    def of_type(self, name: str) -> list[int]:
        return [number for number, body in self.entities.items() if re.match(rf"\(?\s*{name}\s*\(", body)]

    def users(self, number: int) -> list[int]:
        return [user for user, body in self.entities.items() if number in references(body)]

    def add(self, body: str) -> int:
        number = max(self.entities) + 1
        self.entities[number] = body
        return number

    @property
    def products(self) -> list[int]:
        return [number for number in self.of_type("PRODUCT") if _PRODUCT.match(self.entities[number])]

    @property
    def usages(self) -> list[int]:
        return self.of_type("NEXT_ASSEMBLY_USAGE_OCCURRENCE")

    def rename(self, product: int, name: str) -> None:
        quoted = "'" + name.replace("'", "''") + "'"
        # A name is looked for in the id too.
        self.entities[product] = _PRODUCT.sub(lambda _: f"PRODUCT({quoted},{quoted},", self.entities[product], count=1)

    def name_of(self, product: int) -> str:
        name: str = re.findall(_STRING, self.entities[product])[1]
        return name[1:-1].replace("''", "'")

    def drop_usage(self, usage: int) -> None:
        """Remove one placement of a product, and whatever refers to it."""
        gone, found = {usage}, [usage]
        while found:
            users = [user for user in self.users(found.pop()) if user not in gone]
            gone.update(users)
            found += users
        relations = {self._relation(number) for number in gone & set(self.of_type(_PLACED))}
        for number in gone | {relation for relation in relations if set(self.users(relation)) <= gone}:
            del self.entities[number]

    def move_usage(self, usage: int, offset: Sequence[float]) -> None:
        """Shift one placement by ``offset``, in the file's length unit."""
        placed = next(
            user for shape in self.users(usage) for user in self.users(shape) if user in self.of_type(_PLACED)
        )
        relation = references(self.entities[self._relation(placed)])
        transformation = next(item for item in relation if item in self.of_type("ITEM_DEFINED_TRANSFORMATION"))
        body = self.entities[transformation]
        target = references(body)[1]
        axis = self.entities[target]
        point = self.entities[references(axis)[0]]
        values = [float(value) for value in re.findall(r"\(([^()]*)\)\s*\)", point)[0].split(",")]
        moved = ",".join(repr(value + by) for value, by in zip(values, offset, strict=True))
        new_point = self.add(f"CARTESIAN_POINT('',({moved}))")
        new_axis = self.add(axis.replace(f"#{references(axis)[0]}", f"#{new_point}", 1))
        head, _, tail = body.rpartition(f"#{target}")
        self.entities[transformation] = f"{head}#{new_axis}{tail}"

    def _relation(self, placed: int) -> int:
        """The relation between two shapes that places one in the other."""
        return references(self.entities[placed])[0]

    def renumbered(self, random_: random.Random) -> StepText:
        """The same in another order and with other numbers, as a second export writes it."""
        order = random_.sample(sorted(self.entities), len(self.entities))
        numbers = dict(zip(order, random_.sample(range(1, 3 * len(order)), len(order)), strict=True))

        def renumber(found: re.Match[str]) -> str:
            return found[1] or f"#{numbers[int(found[2])]}"

        return StepText(self.head, {numbers[n]: _REFERENCE.sub(renumber, self.entities[n]) for n in order})


def references(body: str) -> list[int]:
    return [int(number) for _, number in _REFERENCE.findall(body) if number]


TextEdit = Callable[[StepText, random.Random], None]


def _rename_one(step: StepText, random_: random.Random) -> None:
    step.rename(random_.choice(step.products), f"Item {random_.randrange(1000, 9999)}")


def _suffix_all(step: StepText, random_: random.Random) -> None:
    ending = random_.choice((" v7", ":1", ".prt", "_copy", "_ASM"))
    for product in step.products:
        step.rename(product, step.name_of(product) + ending)


def _all_names(name: str) -> TextEdit:
    def edit(step: StepText, _: random.Random) -> None:
        for product in step.products:
            step.rename(product, name)

    return edit


def _swap_names(step: StepText, random_: random.Random) -> None:
    if len(step.products) > 1:
        one, other = random_.sample(step.products, 2)
        first, second = step.name_of(one), step.name_of(other)
        step.rename(one, second)
        step.rename(other, first)


def _drop_one(step: StepText, random_: random.Random) -> None:
    if len(step.usages) > 1:
        step.drop_usage(random_.choice(step.usages))


def _move_one(step: StepText, random_: random.Random) -> None:
    if step.usages:
        step.move_usage(random_.choice(step.usages), (31.0, -17.0, 5.0))


def _much_at_once(step: StepText, random_: random.Random) -> None:
    for edit in (_rename_one, _move_one, _suffix_all):
        edit(step, random_)


TEXT_EDITS: dict[str, TextEdit] = {
    "export again": lambda step, random_: None,
    "rename a product": _rename_one,
    "suffix all names": _suffix_all,
    "empty names": _all_names(""),
    "all names equal": _all_names("Part"),
    "swap names": _swap_names,
    "drop an occurrence": _drop_one,
    "move an occurrence": _move_one,
    "rename, move and suffix": _much_at_once,
}
