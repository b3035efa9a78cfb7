"""The auth service: users, and the tokens that other services verify."""

from flask import Flask

from auth_service import cli
from auth_service.models import db
from auth_service.passwords import hashing
from auth_service.settings import AuthSettings
from auth_service.views import access, me
from auth_service.views import events as event_views
from auth_service.views import users as user_views
from auth_service.views.schemas import PublicIdConverter
from common import health
from common.app import Service, add_common_parts, add_routes


def create_app(settings: AuthSettings | None = None) -> Flask:
    """Make the application, by the environment unless `settings` are given."""
    settings = settings or AuthSettings.read()
    app = Service(__name__, static_folder=None)
    add_common_parts(app, settings)
    db.init_database(app, settings)
    health.init_app(app, db)
    hashing.init_app(app, settings)
    event_views.init_app(app, settings)
    cli.init_app(app)
    app.url_map.converters["public_id"] = PublicIdConverter
    add_routes(
        app,
        blueprints=[
            health.make_blueprint(__name__),
            access.registration,
            access.blueprint,
            me.blueprint,
            me.account,
            me.sessions,
            user_views.blueprint,
            event_views.blueprint,
        ],
    )
    return app
