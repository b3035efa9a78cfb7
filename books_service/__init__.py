"""The books service: each user keeps a shelf of their own."""

from flask import Flask

from books_service.models import db
from books_service.settings import BooksSettings
from books_service.shelf.erasure import USER_DATA
from books_service.views import books, listing, transfer
from common import health
from common.app import Service, add_common_parts, add_routes
from common.feed import cli, revocations
from common.web.field_types import RowId


def create_app(settings: BooksSettings | None = None) -> Flask:
    """Make the application, by the environment unless `settings` are given."""
    settings = settings or BooksSettings.read()
    app = Service(__name__, static_folder=None)
    add_common_parts(app, settings)
    db.init_database(app, settings)
    cache = revocations.init_app(app, db, settings)
    health.init_app(app, db, checks={"feed": cache.state, "feed_age": cache.age})
    transfer.init_app(app, settings)
    cli.init_app(app, USER_DATA)
    app.url_map.converters["row"] = RowId
    about = health.make_blueprint(__name__, feed="ok", feed_age=0.4)
    add_routes(app, blueprints=[about, books.blueprint, listing.blueprint, transfer.blueprint])
    return app
