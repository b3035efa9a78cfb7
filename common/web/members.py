"""Owns the kinds of value that an answer holds: the same to the encoder, but told apart in the document."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True)]
PublicId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
RowId = Annotated[int, Meta(ge=1, extra_json_schema={"format": "int64"})]
