"""gunicorn ignores a setting that it does not know, so a misspelt one is found here."""

from types import ModuleType

from gunicorn.config import KNOWN_SETTINGS

from common.server import gunicorn_settings

OURS = {"listen"}  # what each service's configuration calls


def test_every_shared_setting_is_one_of_gunicorn() -> None:
    known = {setting.name for setting in KNOWN_SETTINGS}
    written = {name for name, value in vars(gunicorn_settings).items() if is_setting(name, value)}

    assert written
    assert written - known == set()


def is_setting(name: str, value: object) -> bool:
    """Tell whether the name is meant for gunicorn: no constant, nothing imported, nothing of ours."""
    module = getattr(value, "__module__", gunicorn_settings.__name__)
    is_import = isinstance(value, ModuleType) or module != gunicorn_settings.__name__
    return name.islower() and not name.startswith("_") and not is_import and name not in OURS
