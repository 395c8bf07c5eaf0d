"""Tables of the service, a small group a file."""

from service.models.audit import AuditRecord
from service.models.base import Base, EditableRow, FieldsRow, TenantRow
from service.models.cad import CadFile, Conversion
from service.models.comments import Comment
from service.models.custom_fields import CustomField
from service.models.jobs import Job, JobDependency, JobFrame, PausedQueue, Worker
from service.models.materials import MaterialAlias, TenantMaterial
from service.models.media import MediaAsset
from service.models.notifications import (
    Event,
    EventCursor,
    HeldNotification,
    Notification,
    NotificationPreference,
)
from service.models.orders import Order, OrderItem, OrderMedium
from service.models.people import ProjectMember, TaskWatcher, TimeEntry
from service.models.playlists import GuestLink, Playlist, PlaylistFilm, PlaylistItem
from service.models.production import Asset, Casting, Project, ProjectClient, Sequence, Shot
from service.models.publishing import Composition, Part, Publish, Reservation, Scene, StaleEntry, Sweep
from service.models.tasks import Department, Task, TaskStatus, TaskTemplate
from service.models.tenancy import ApiToken, Tenant, User
from service.models.webhooks import Webhook, WebhookDelivery
from service.models.workflows import Workflow, WorkflowNode, WorkflowRun, WorkflowVersion

__all__ = [
    "ApiToken",
    "Asset",
    "AuditRecord",
    "Base",
    "CadFile",
    "Casting",
    "Comment",
    "Composition",
    "Conversion",
    "CustomField",
    "Department",
    "EditableRow",
    "Event",
    "EventCursor",
    "FieldsRow",
    "GuestLink",
    "HeldNotification",
    "Job",
    "JobDependency",
    "JobFrame",
    "MaterialAlias",
    "MediaAsset",
    "Notification",
    "NotificationPreference",
    "Order",
    "OrderItem",
    "OrderMedium",
    "Part",
    "PausedQueue",
    "Playlist",
    "PlaylistFilm",
    "PlaylistItem",
    "Project",
    "ProjectClient",
    "ProjectMember",
    "Publish",
    "Reservation",
    "Scene",
    "Sequence",
    "Shot",
    "StaleEntry",
    "Sweep",
    "Task",
    "TaskStatus",
    "TaskTemplate",
    "TaskWatcher",
    "Tenant",
    "TenantMaterial",
    "TenantRow",
    "TimeEntry",
    "User",
    "Webhook",
    "WebhookDelivery",
    "Worker",
    "Workflow",
    "WorkflowNode",
    "WorkflowRun",
    "WorkflowVersion",
]
