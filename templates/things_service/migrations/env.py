"""Runs the migrations of the things database; Alembic loads this file."""

from common.db.migrations import migrate
from things_service.models import ThingsBase
from things_service.settings import ThingsSettings

migrate(ThingsBase.metadata, ThingsSettings.read().database_url)
