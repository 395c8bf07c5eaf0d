"""A project with a row of every kind that has custom fields, and a value of every type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service.accounts.permissions import Role
from tests.service.studio import Json, Reply, StudioUnderTest

EXAMPLES: dict[str, Any] = {
    "text": "AX-4711 rev. B",
    "number": 35,
    "checkbox": True,
    "date": "2027-01-31",
    "choice": "high",
    "tags": ["night", "rain"],
}
"""A value of each type."""
CHOICES = {"choice": ["low", "high"]}


@dataclass
class Film:
    """A project with a row of every kind that has fields."""

    studio: StudioUnderTest
    project: Json
    sequence: Json
    shot: Json
    asset: Json
    task: Json

    def declare(self, target_type: str, name: str, type_: str, **more: Any) -> Reply:
        choices = {"choices": CHOICES[type_]} if type_ in CHOICES else {}
        body = {"target_type": target_type, "name": name, "type": type_, **choices, **more}
        return self.studio.api(Role.PROJECT_MANAGER).post("/custom-fields/", body)

    def path(self, target_type: str) -> str:
        return f"/{target_type}s/{getattr(self, target_type)['id']}"

    def set(self, target_type: str, **values: Any) -> Reply:
        return self.studio.admin.patch(self.path(target_type), {"fields": values})

    def fields(self, target_type: str, role: Role = Role.ARTIST) -> Json:
        found: Json = self.studio.api(role).get(self.path(target_type)).data["fields"]
        return found


def make_film(studio: StudioUnderTest) -> Film:
    """A project, with one of each kind of row below it."""
    made = studio.production()
    sequence = studio.admin.post("/sequences/", {"project_id": made.project["id"], "name": "sq010"}).data
    shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh010"}).data
    return Film(studio, made.project, sequence, shot, made.asset, made.task)
