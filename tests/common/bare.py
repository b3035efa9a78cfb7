"""Settings as a service reads them in an environment that says nothing else."""

import os
from typing import TypeVar
from unittest.mock import patch

import pytest

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.settings import Misconfigured

AnySettings = TypeVar("AnySettings", AuthSettings, BooksSettings)


def read(kind: type[AnySettings], **environment: str) -> AnySettings:
    """Read the settings of a service where these are all variables."""
    with patch.dict(os.environ, environment, clear=True):
        return kind.read()


def refusal(kind: type[AuthSettings | BooksSettings], **environment: str) -> str:
    """Return the line with which a service refuses these variables."""
    with patch.dict(os.environ, environment, clear=True), pytest.raises(Misconfigured) as refused:
        kind.read()
    line = str(refused.value)
    assert "\n" not in line
    assert refused.value.code not in (None, 0)
    return line
