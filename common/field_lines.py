"""Owns what becomes of a header that has one value but came in several lines."""

ONE_VALUE = "IDEMPOTENCY-KEY"  # gunicorn's spelling

Fields = list[tuple[str, str]]


def combined(fields: Fields) -> Fields:
    """Return `fields` with the lines of such a header in one, joined by ", " as RFC 9110 section 5.3 says.

    gunicorn leaves out the space, and then two values look like one that has a comma in it.
    """
    values = [value for name, value in fields if name == ONE_VALUE]
    if len(values) < 2:
        return fields
    others = [field for field in fields if field[0] != ONE_VALUE]
    return [*others, (ONE_VALUE, ", ".join(values))]
