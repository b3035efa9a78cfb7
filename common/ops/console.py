"""Log lines for people: short, in colours, and without anything of a client's that a terminal would obey."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from structlog import dev

UNSEEN = {"time", "service", "request_id", "process", "exception"}  # or shown in another way
STATUS_LEVELS = {"4": "warning", "5": "error"}  # whose colour a status has, by its first digit

Line = Mapping[str, Any]


def console_renderer(*, colors: bool) -> Callable[[Line], str]:
    """Return what makes a line for a terminal of an event or a request."""
    render = dev.ConsoleRenderer(columns=columns(colors=colors), sort_keys=False)

    def render_line(line: Line) -> str:
        trace = line.get("exception", "").splitlines()
        # Indented, so that none of its lines looks like an event.
        return "\n".join([render(None, "", shorten(line)), *(f"    {printable(text)}" for text in trace)])

    return render_line


def columns(*, colors: bool) -> list[dev.Column]:
    """Return what comes in which order and colour; the last column is whatever the others do not name."""
    style = dev.ConsoleRenderer.get_default_column_styles(colors)
    levels = dev.ConsoleRenderer.get_default_level_styles(colors)
    text = partial(dev.KeyValueColumnFormatter, None, reset_style=style.reset, value_repr=str)

    def show_status(key: str, value: object) -> str:  # noqa: ARG001 - structlog's
        return f"{levels[STATUS_LEVELS.get(str(value)[0], 'info')]}{value}{style.reset}"

    return [
        dev.Column("time", text(style.timestamp)),
        dev.Column("service", text(style.logger_name, width=len("books"))),
        dev.Column("status", show_status),
        dev.Column("level", dev.LogLevelColumnFormatter(levels, style.reset, width=0)),
        dev.Column("event", text(style.bright)),
        dev.Column("took", text(style.timestamp)),
        dev.Column("", dev.KeyValueColumnFormatter(style.kv_key, style.kv_value, style.reset, str)),
    ]


def shorten(line: Line) -> dict[str, str]:
    """Return what a person sees of a line, in characters that can be printed."""
    unseen = UNSEEN | {"level"} if line["level"] == "info" else UNSEEN  # an unusual level is said
    shown = {name: value for name, value in line.items() if name not in unseen}
    if line["event"] == "request":
        event, took = f"{line['method']} {line['path']}", f"{line['milliseconds']} ms"
        shown = {"status": line["status"], "event": event, "took": took}
    time = datetime.fromisoformat(line["time"]).astimezone()
    service = line["service"].removesuffix("_service")
    return {"time": f"{time:%H:%M:%S}", "service": service} | {
        name: printable(str(value)) for name, value in shown.items()
    }


def printable(text: str) -> str:
    """Return the text with its control characters, and whatever else cannot be seen, as escapes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
