"""The folders of tenants tell whose they are."""

from __future__ import annotations

from service.accounts import bootstrap
from service.config import Config
from shared.storage_mark import tenant_of
from tests.service.studio import PASSWORD, StudioUnderTest


def test_a_start_marks_every_storage_that_bears_no_mark(
    config: Config, studio: StudioUnderTest, other_studio: StudioUnderTest
) -> None:
    assert tenant_of(studio.root) is None and tenant_of(other_studio.root) is None
    bootstrap.ensure_studio(config, PASSWORD, tenant=studio.name, email=f"boss@{studio.name}.example")
    assert tenant_of(studio.root) == str(studio.tenant_id)
    assert tenant_of(other_studio.root) == str(other_studio.tenant_id)
