"""What a checkout of this repository holds, whoever makes it."""

import subprocess
from pathlib import Path

from tests.programs import ROOT

WINDOWS = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")  # as Git for Windows is installed


def test_a_checkout_on_windows_has_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run(
        ["git", *WINDOWS, "checkout-index", "--all", f"--prefix={tmp_path}/"], cwd=ROOT, check=True
    )

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 100
    texts = [path for path in files if b"\0" not in path.read_bytes()]
    assert [path for path in texts if b"\r\n" in path.read_bytes()] == []
