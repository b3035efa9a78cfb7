"""The things service: each user has things of their own."""

from flask import Flask

from common import health
from common.app import Service, add_common_parts, add_routes
from common.feed import cli, revocations
from common.web.field_types import RowId
from things_service import views
from things_service.models import db
from things_service.settings import ThingsSettings
from things_service.statements import THINGS_OF_USERS


def create_app(settings: ThingsSettings | None = None) -> Flask:
    """Make the application, by the environment unless `settings` are given."""
    settings = settings or ThingsSettings.read()
    app = Service(__name__, static_folder=None)
    add_common_parts(app, settings)
    db.init_database(app, settings)
    cache = revocations.init_app(app, db, settings)
    health.init_app(app, db, checks={"feed": cache.state, "feed_age": cache.age})
    cli.init_app(app, THINGS_OF_USERS)
    app.url_map.converters["row"] = RowId
    about = health.make_blueprint(__name__, feed="ok", feed_age=0.4)
    add_routes(app, blueprints=[about, views.blueprint])
    return app
