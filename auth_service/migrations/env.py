"""Runs the migrations of the auth database; Alembic loads this file."""

from auth_service.models import AuthBase
from auth_service.settings import AuthSettings
from common.db.migrations import migrate

migrate(AuthBase.metadata, AuthSettings.read().database_url)
