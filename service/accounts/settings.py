"""What a tenant decides for itself: limits on rendering and orders, the fallback material, notifications,
what clients see, who sees new projects, how people log in."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy.orm import Session

from service.database import current_tenant
from service.models import Tenant


@dataclass(frozen=True)
class TenantSettings:
    """Settings of one tenant; columns of its row, whose checks hold the ranges and defaults."""

    max_concurrent_renders: int
    """Renders of the tenant that run at one time, on all workers together."""
    render_engines_allowed: list[str]
    max_order_size: int
    """Items that one order may have."""
    fallback_material: str
    """What a part wears of which nothing is known."""
    notifications_enabled: bool
    clients_see: str
    """Of new projects: ``all`` publishes, or only those ``shared`` with them."""
    projects_visible_to: str
    """Who sees new projects: ``everybody`` of the studio, or their ``team``."""
    require_two_factor: bool
    """Whether who logs in without a second factor may only set one up."""

    @classmethod
    def of(cls, tenant: Tenant) -> TenantSettings:
        return cls(**{field.name: getattr(tenant, field.name) for field in fields(cls)})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def tenant_settings(current: Session) -> TenantSettings:
    """Settings of the tenant the session is bound to; one statement, or none where the row is loaded already."""
    return TenantSettings.of(current.get_one(Tenant, current_tenant(current)))
