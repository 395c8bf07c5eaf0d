"""The audit log, for who manages: who changed what, when, and what it was before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from service.accounts.permissions import Permission
from service.api.fields import Moment, NameOf, Row
from service.api.listing import ListQuery, Page, equal, page_of
from service.api.routing import Resource
from service.models import AuditRecord, User

audit = Resource("audit", "/audit")
RESOURCES = (audit,)


class AuditRecordOut(Row):
    actor_id: UUID | None = Field(description="null for what the service did by itself, or refused to somebody unknown")
    actor: NameOf | None
    action: str = Field(description="create, change, archive, restore, delete, failed_login, expired_token, ...")
    table_name: str
    row_id: UUID
    revision: int | None = Field(description="the row's revision after the change")
    request_id: str | None = Field(description="as in the answer's X-Request-Id and in the service's log")
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditQuery(ListQuery):
    actor_id: UUID | None = None
    action: str = ""
    table_name: str = Field("", description="kind of row: projects, users, api_tokens, ...")
    row_id: UUID | None = Field(None, description="everything that happened to this row")
    since: Moment | None = None
    until: Moment | None = None


@audit.declare("GET", "/", permission=Permission.AUDIT_READ, query=AuditQuery, answer=Page[AuditRecordOut])
def list_audit_records(query: AuditQuery) -> dict[str, Any]:
    """Who changed what, the newest first."""
    statement = (
        select(AuditRecord)
        .outerjoin(AuditRecord.actor)
        .options(contains_eager(AuditRecord.actor))
        .where(
            *equal(
                (AuditRecord.actor_id, query.actor_id),
                (AuditRecord.action, query.action),
                (AuditRecord.table_name, query.table_name),
                (AuditRecord.row_id, query.row_id),
            )
        )
    )
    if query.since:
        statement = statement.where(AuditRecord.created_at >= query.since)
    if query.until:
        statement = statement.where(AuditRecord.created_at < query.until)
    return page_of(
        statement,
        query,
        key=AuditRecord,
        search=(AuditRecord.table_name, AuditRecord.action, User.name),
        sort={
            "created_at": AuditRecord.created_at,
            "table_name": AuditRecord.table_name,
            "action": AuditRecord.action,
            "actor": User.name,
        },
        default_sort="-created_at",
    )
