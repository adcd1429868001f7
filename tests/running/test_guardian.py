"""A guardian ends what a process has started, and nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rays

from fleet.running import guardian

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc")


def test_what_a_guarded_process_has_started_ends_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    with guardian.guarded(folder):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        rays.until(lambda: rays.alive(child.pid))
    assert child.wait(10) == -signal.SIGKILL
    assert not folder.exists()
    assert guardian.MARK not in os.environ


def test_who_only_reads_a_file_there_is_spared(tmp_path: Path) -> None:
    log = tmp_path / "files" / "log"
    log.parent.mkdir()
    log.touch()
    reader = subprocess.Popen(["tail", "-f", log], stderr=subprocess.DEVNULL)
    try:
        files = Path(f"/proc/{reader.pid}/fd")
        rays.until(lambda: str(log) in map(os.path.realpath, files.iterdir()))
        with guardian.guarded(log.parent):
            pass
        assert rays.alive(reader.pid)
    finally:
        reader.kill()
        reader.wait()


def test_a_guarded_process_itself_is_spared_though_it_has_files_there(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom fleet.running import guardian\n"
        "folder = Path(sys.argv[1])\nfolder.mkdir()\nfile = (folder / 'x').open('w')\n"
        "with guardian.guarded(folder):\n    pass\nprint('here')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "files")], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "here\n")
