"""Runs the migrations of the auth database; Alembic loads this file."""

from auth_service.models import Base
from auth_service.settings import AuthSettings
from common.db.migrations import migrate

migrate(Base.metadata, AuthSettings.read().database_url)
