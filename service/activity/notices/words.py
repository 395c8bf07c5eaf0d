"""How events and what they are about are written, and the pages that show them."""

from __future__ import annotations

from uuid import UUID

from service.models import Asset, Event, MediaAsset, Order, Publish, Shot, Task
from service.titles import titled
from shared.versions import Version


def sentence(event: Event) -> str:
    """``asset gear: changed (status)``."""
    name = str(event.payload.get("name") or "")
    changes = event.payload.get("changes")
    what, _, happened = event.kind.partition(".")
    more = f" ({', '.join(changes)})" if isinstance(changes, dict) and changes else ""
    return f"{what.replace('_', ' ').capitalize()} {name}".strip() + f": {happened.replace('_', ' ')}{more}"


def link_of(subject_type: str, subject_id: UUID | str | None) -> str:
    """Path of the page that shows a row; empty where none does."""
    page = {"job": "jobs", "asset": "assets", "publish": "publishes", "task": "tasks", "workflow_run": "workflows/runs"}
    page |= {"playlist": "playlists", "order": "orders", "medium": "pictures", "webhook": "webhooks"}
    page |= {each: f"{each}s" for each in ("project", "sequence", "shot")}
    return f"/{page[subject_type]}/{subject_id}" if subject_type in page and subject_id else ""


def link_of_event(event: Event) -> str:
    """Path of the page that shows what an event is about, a comment where it was made; empty where none does."""
    about = event.payload.get("target_type", ""), event.payload.get("target_id")
    if event.subject_type == "comment" and (link := link_of(*about)):
        return f"{link}#comment-{event.subject_id}"
    return link_of(event.subject_type, event.subject_id)


def _name_of(target: Asset | Shot) -> str:
    """``gear (film)``, ``sq010 / sh020 (film)``, with their titles where they have such."""
    return f"{titled(target)} ({titled(target.project)})"


def named(what: Task | Publish | Order | MediaAsset) -> str:
    """``modelling of gear (film)``, ``body v002_i001 of gear (film)``, ``a.png of gear (film)``, ``order 7, Gear``."""
    if isinstance(what, Order):
        return f"order {what.number}, {what.title}"
    if isinstance(what, MediaAsset):
        return f"{what.name} of {_name_of(what.asset)}" if what.asset else what.name
    if isinstance(what, Task):
        return f"{what.name} of {_name_of(what.target)}"
    return f"{what.part.name} {Version(what.version, what.iteration)} of {_name_of(what.part.target)}"
