"""Who may do what: the one table of roles and permissions.

A permission opens routes. Which rows they show is PostgreSQL's part: those of the tenant, for a ``client`` only those
meant for them (migrations 0003 and 0019), and for an ``artist`` none of projects that only other teams see (0027).
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Role(StrEnum):
    """Roles, the weakest first: each may do all that those before it may."""

    CLIENT = "client"
    ARTIST = "artist"
    PROJECT_MANAGER = "project_manager"
    TENANT_ADMIN = "tenant_admin"
    GLOBAL_ADMIN = "global_admin"

    def includes(self, other: Role) -> bool:
        """Whether this role is ``other`` or stronger."""
        return _ROLES.index(self) >= _ROLES.index(other)


_ROLES = list(Role)


class Permission(StrEnum):
    """What a route asks for, and what a personal token can be limited to.

    ``PUBLIC`` needs no token, ``ACCOUNT`` only a valid one.
    """

    PUBLIC = "public"
    ACCOUNT = "account"
    ACCOUNT_WRITE = "account.write"
    TENANT_MANAGE = "tenant.manage"
    SETTINGS_READ = "settings.read"
    SETTINGS_WRITE = "settings.write"
    PRODUCTION_READ = "production.read"
    PRODUCTION_WRITE = "production.write"
    TASK_READ = "task.read"
    TASK_WRITE = "task.write"
    TIME_WRITE = "time.write"
    TIME_MANAGE = "time.manage"
    USER_READ = "user.read"
    USER_WRITE = "user.write"
    CAD_READ = "cad.read"
    CAD_WRITE = "cad.write"
    MATERIAL_READ = "material.read"
    MATERIAL_ASSIGN = "material.assign"
    MATERIAL_WRITE = "material.write"
    SCENE_READ = "scene.read"
    SCENE_WRITE = "scene.write"
    PUBLISH_READ = "publish.read"
    PUBLISH_WRITE = "publish.write"
    PUBLISH_MANAGE = "publish.manage"
    PUBLISH_SHARE = "publish.share"
    MEDIA_READ = "media.read"
    MEDIA_WRITE = "media.write"
    PLAYLIST_READ = "playlist.read"
    PLAYLIST_WRITE = "playlist.write"
    PLAYLIST_SHARE = "playlist.share"
    PLAYLIST_FILM = "playlist.film"
    COMMENT_READ = "comment.read"
    COMMENT_WRITE = "comment.write"
    COMMENT_MANAGE = "comment.manage"
    ORDER_READ = "order.read"
    ORDER_WRITE = "order.write"
    ORDER_MANAGE = "order.manage"
    JOB_READ = "job.read"
    JOB_WRITE = "job.write"
    QUEUE_MANAGE = "queue.manage"
    WORKER_READ = "worker.read"
    WORKER_MANAGE = "worker.manage"
    AUDIT_READ = "audit.read"
    ACTIVITY_READ = "activity.read"
    ALERT_READ = "alert.read"
    WORKFLOW_WRITE = "workflow.write"
    WEBHOOK_MANAGE = "webhook.manage"
    METRICS_READ = "metrics.read"


MINIMUM_ROLE: dict[Permission, Role] = {
    Permission.ACCOUNT: Role.CLIENT,
    Permission.ACCOUNT_WRITE: Role.CLIENT,
    Permission.TENANT_MANAGE: Role.GLOBAL_ADMIN,
    Permission.SETTINGS_READ: Role.ARTIST,
    Permission.SETTINGS_WRITE: Role.TENANT_ADMIN,
    Permission.PRODUCTION_READ: Role.CLIENT,
    Permission.PRODUCTION_WRITE: Role.PROJECT_MANAGER,
    Permission.TASK_READ: Role.ARTIST,
    Permission.TASK_WRITE: Role.ARTIST,
    Permission.TIME_WRITE: Role.ARTIST,
    Permission.TIME_MANAGE: Role.PROJECT_MANAGER,
    Permission.USER_READ: Role.ARTIST,
    Permission.USER_WRITE: Role.TENANT_ADMIN,
    Permission.CAD_READ: Role.ARTIST,
    Permission.CAD_WRITE: Role.ARTIST,
    Permission.MATERIAL_READ: Role.ARTIST,
    Permission.MATERIAL_ASSIGN: Role.ARTIST,
    Permission.MATERIAL_WRITE: Role.PROJECT_MANAGER,
    Permission.SCENE_READ: Role.ARTIST,
    Permission.SCENE_WRITE: Role.ARTIST,
    Permission.PUBLISH_READ: Role.CLIENT,
    Permission.PUBLISH_WRITE: Role.ARTIST,
    Permission.PUBLISH_MANAGE: Role.PROJECT_MANAGER,
    Permission.PUBLISH_SHARE: Role.PROJECT_MANAGER,
    Permission.MEDIA_READ: Role.CLIENT,
    Permission.MEDIA_WRITE: Role.ARTIST,
    Permission.PLAYLIST_READ: Role.CLIENT,
    Permission.PLAYLIST_WRITE: Role.ARTIST,
    Permission.PLAYLIST_SHARE: Role.PROJECT_MANAGER,
    Permission.PLAYLIST_FILM: Role.CLIENT,
    Permission.COMMENT_READ: Role.CLIENT,
    Permission.COMMENT_WRITE: Role.CLIENT,
    Permission.COMMENT_MANAGE: Role.PROJECT_MANAGER,
    Permission.ORDER_READ: Role.CLIENT,
    Permission.ORDER_WRITE: Role.CLIENT,
    Permission.ORDER_MANAGE: Role.PROJECT_MANAGER,
    Permission.JOB_READ: Role.ARTIST,
    Permission.JOB_WRITE: Role.ARTIST,
    Permission.QUEUE_MANAGE: Role.PROJECT_MANAGER,
    Permission.WORKER_READ: Role.ARTIST,
    Permission.WORKER_MANAGE: Role.GLOBAL_ADMIN,
    Permission.AUDIT_READ: Role.PROJECT_MANAGER,
    Permission.ACTIVITY_READ: Role.ARTIST,
    Permission.ALERT_READ: Role.TENANT_ADMIN,
    Permission.WORKFLOW_WRITE: Role.PROJECT_MANAGER,
    Permission.WEBHOOK_MANAGE: Role.TENANT_ADMIN,
    Permission.METRICS_READ: Role.GLOBAL_ADMIN,
}
"""The weakest role that has each permission."""


def allows(role: Role, permission: Permission, scopes: Collection[Permission] | None = None) -> bool:
    """Whether a user of ``role`` has ``permission``; ``scopes`` are what their token is limited to, if it is."""
    if scopes is not None and permission not in (Permission.PUBLIC, Permission.ACCOUNT, *scopes):
        return False
    return permission is Permission.PUBLIC or role.includes(MINIMUM_ROLE[permission])
