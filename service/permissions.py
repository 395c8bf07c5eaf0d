"""Who may do what: the one table of roles and permissions."""

from __future__ import annotations

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
    """What a route asks for. ``PUBLIC`` needs no token, ``ACCOUNT`` only a valid one."""

    PUBLIC = "public"
    ACCOUNT = "account"
    PRODUCTION_READ = "production.read"
    PRODUCTION_WRITE = "production.write"
    TASK_WRITE = "task.write"
    USER_READ = "user.read"
    USER_WRITE = "user.write"
    CAD_READ = "cad.read"
    CAD_WRITE = "cad.write"
    MATERIAL_READ = "material.read"
    MATERIAL_ASSIGN = "material.assign"
    MATERIAL_WRITE = "material.write"
    SCENE_WRITE = "scene.write"
    PUBLISH_READ = "publish.read"
    PUBLISH_WRITE = "publish.write"
    PUBLISH_MANAGE = "publish.manage"
    MEDIA_READ = "media.read"
    JOB_READ = "job.read"
    JOB_WRITE = "job.write"
    WORKER_READ = "worker.read"
    ACTIVITY_READ = "activity.read"


MINIMUM_ROLE: dict[Permission, Role] = {
    Permission.ACCOUNT: Role.CLIENT,
    Permission.PRODUCTION_READ: Role.CLIENT,
    Permission.PRODUCTION_WRITE: Role.PROJECT_MANAGER,
    Permission.TASK_WRITE: Role.ARTIST,
    Permission.USER_READ: Role.ARTIST,
    Permission.USER_WRITE: Role.TENANT_ADMIN,
    Permission.CAD_READ: Role.ARTIST,
    Permission.CAD_WRITE: Role.ARTIST,
    Permission.MATERIAL_READ: Role.ARTIST,
    Permission.MATERIAL_ASSIGN: Role.ARTIST,
    Permission.MATERIAL_WRITE: Role.PROJECT_MANAGER,
    Permission.SCENE_WRITE: Role.ARTIST,
    Permission.PUBLISH_READ: Role.CLIENT,
    Permission.PUBLISH_WRITE: Role.ARTIST,
    Permission.PUBLISH_MANAGE: Role.PROJECT_MANAGER,
    Permission.MEDIA_READ: Role.CLIENT,
    Permission.JOB_READ: Role.ARTIST,
    Permission.JOB_WRITE: Role.ARTIST,
    Permission.WORKER_READ: Role.ARTIST,
    Permission.ACTIVITY_READ: Role.PROJECT_MANAGER,
}
"""The weakest role that has each permission."""


def allows(role: Role, permission: Permission) -> bool:
    """Whether a user of ``role`` has ``permission``."""
    return permission is Permission.PUBLIC or role.includes(MINIMUM_ROLE[permission])
