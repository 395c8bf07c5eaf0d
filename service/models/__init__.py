"""Tables of the service, a small group a file."""

from service.models.audit import AuditRecord
from service.models.base import Base, TenantRow
from service.models.cad import CadFile, Conversion
from service.models.jobs import Job, Worker
from service.models.materials import MaterialAlias, TenantMaterial
from service.models.media import MediaAsset
from service.models.notifications import (
    Event,
    EventCursor,
    HeldNotification,
    Notification,
    NotificationPreference,
)
from service.models.production import Asset, Project, Sequence, Shot, Task
from service.models.publishing import Part, Publish, Reservation, Scene
from service.models.tenancy import ApiToken, Tenant, User
from service.models.workflows import Workflow, WorkflowNode, WorkflowRun, WorkflowVersion

__all__ = [
    "ApiToken",
    "Asset",
    "AuditRecord",
    "Base",
    "CadFile",
    "Conversion",
    "Event",
    "EventCursor",
    "HeldNotification",
    "Job",
    "MaterialAlias",
    "MediaAsset",
    "Notification",
    "NotificationPreference",
    "Part",
    "Project",
    "Publish",
    "Reservation",
    "Scene",
    "Sequence",
    "Shot",
    "Task",
    "Tenant",
    "TenantMaterial",
    "TenantRow",
    "User",
    "Worker",
    "Workflow",
    "WorkflowNode",
    "WorkflowRun",
    "WorkflowVersion",
]
