"""What stands in front in the browser's tests: Debian's nginx, which takes a path off and has a page."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.debian import require
from tests.served import ServedPair
from tests.waiting import wait_until

CONFIGURATION = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/f; scgi_temp_path {folder}/s; uwsgi_temp_path {folder}/u;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    server {{
        listen 127.0.0.1:{port};
        location = /page {{
            default_type text/html;
            return 200 "<!doctype html><link rel=icon href=data:,>";
        }}
        {places}
    }}
}}
"""
PLACE = """
        location /shop/{service}/ {{
            proxy_pass http://127.0.0.1:{port}/;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Prefix "{prefix}";
        }}
"""


def prefix_of(service: str) -> str:
    return f"/shop/{service}"


@contextmanager
def nginx(pair: ServedPair, folder: Path, port: int, *, tells_prefix: bool = False) -> Iterator[str]:
    """Run nginx in front of both services, each under its `prefix_of`; return its origin."""
    require(["nginx"], "nginx")
    places = "".join(
        PLACE.format(service=service, port=number, prefix=prefix_of(service) if tells_prefix else "")
        for service, number in pair.ports.items()
    )
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, places=places))
    with subprocess.Popen(["nginx", "-e", "stderr", "-p", str(folder), "-c", str(file)]) as process:
        try:
            wait_until(lambda: (folder / "nginx.pid").exists() or process.poll() is not None, "nginx starts")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
