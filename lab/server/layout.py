"""Where everything of the embedded server lies.

::

    <home>/passfile        passwords, 0600
    <home>/server.json     which server runs, 0600
    <home>/server.log      what PostgreSQL says before its own log begins
    <root>/data            the data directory
    <root>/templates/KEY   a loaded, cleanly stopped copy of it, for `lab reset`
    <root>/binaries/KEY    copies of programs, if the account cannot run the ones found
    <root>/socket          the Unix socket, if its path is short enough
    <root>/home            outside of the home: whose this is, so that it can be removed when that is gone

*root* is ``<home>/server``, owned by the account that the server runs as. If that account cannot get to the home (a
clone under ``/root``), it is a folder of the lab's own under ``/var``.
"""

import contextlib
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psutil

from lab.config import Config
from lab.errors import ServerError
from lab.process import Account
from lab.server import account as accounts
from lab.server.dsn import Passfile

_SHELVES = (Path("/var/lib/postgresql-performance-lab"), Path("/var/tmp/postgresql-performance-lab"))
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the final zero
_SOCKET_LIMIT_BYTES = 103
_HOME_FILE = "home"  # on a shelf: which home this belongs to
_SOCKET_FILE = "/.s.PGSQL.65535.lock"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one home's embedded server."""

    home: Path
    root: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.root / "data"

    @property
    def templates(self) -> Path:
        """The folder of templates."""
        return self.root / "templates"

    @property
    def binaries(self) -> Path:
        """The folder for copies of programs."""
        return self.root / "binaries"

    @property
    def passfile(self) -> Passfile:
        """The passwords."""
        return Passfile(self.home / "passfile")

    @property
    def note(self) -> Path:
        """Which server runs."""
        return self.home / "server.json"

    @property
    def log(self) -> Path:
        """Output of initdb, and of the postmaster until its logging collector runs."""
        return self.home / "server.log"

    @property
    def lock(self) -> Path:
        """Held while the server is made, started, stopped or replaced."""
        return self.home / "server.lock"


def locate(config: Config) -> Layout:
    """Return the paths, without making anything.

    :raises ServerError: if the lab runs as root and there is no account for the server.
    """
    account = accounts.choose()
    own = config.home / "server"
    if account is None or _would_reach(account, config.home):
        return Layout(config.home, own, account)
    return Layout(config.home, _shelf(config.home), account)


def _shelf(home: Path) -> Path:
    name = sha256(os.fsencode(home)).hexdigest()[:12]
    shelf = next((one for one in _SHELVES if (one / name).is_dir()), None)
    shelf = shelf or next(one for one in _SHELVES if os.access(one.parent, os.W_OK))
    return shelf / name


def _would_reach(account: Account, home: Path) -> bool:
    """Whether the account gets to *home*, or will once the lab has made what is missing of it."""
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    return accounts.reaches(account, existing)


def make(layout: Layout) -> None:
    """Make the folders.

    :raises ServerError: if one cannot be made, or belongs to somebody else.
    """
    try:
        missing = [folder for folder in (layout.home, *layout.home.parents) if not folder.exists()]
        for folder in reversed(missing):
            # passable for the server's account, readable for nobody else
            folder.mkdir(mode=0o711 if layout.account else 0o700, exist_ok=True)
            if layout.account:
                folder.chmod(0o711)
        _make_shelf(layout)
    except OSError as error:
        raise ServerError(
            f"cannot make the lab's home {layout.home}: {error.strerror}; set LAB_HOME to a folder you own"
        ) from None
    accounts.private_folder(layout.root, layout.account)
    accounts.private_folder(layout.templates, layout.account)
    if layout.root.parent != layout.home:
        accounts.write_file(layout.root / _HOME_FILE, str(layout.home), layout.account)
        sweep(layout.root.parent)


def sweep(shelf: Path) -> None:
    """Remove what homes that are gone have left on the shelf, unless a server still runs there."""
    for file in shelf.glob(f"*/{_HOME_FILE}"):
        with contextlib.suppress(OSError):
            if not Path(file.read_text(encoding="utf-8")).exists() and not _in_use(file.parent / "data"):
                accounts.remove_tree(file.parent)


def _in_use(data: Path) -> bool:
    try:
        return psutil.pid_exists(int((data / "postmaster.pid").read_text().split()[0]))
    except (OSError, ValueError, IndexError):
        return False


def make_home(home: Path) -> None:
    """Make the home, and what is missing above it: for root passable by the server's account, readable by nobody else.

    :raises ServerError: if it cannot be made.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        for folder in reversed([one for one in (home, *home.parents) if not one.exists()]):
            folder.mkdir(mode=mode, exist_ok=True)
            folder.chmod(mode)
    except OSError as error:
        raise ServerError(f"cannot make {home}: {error.strerror}; set LAB_HOME to a folder you own") from None


def _make_shelf(layout: Layout) -> None:
    shelf = layout.root.parent
    if shelf == layout.home:
        return
    try:
        if not shelf.exists():
            shelf.mkdir(mode=0o711)
            shelf.chmod(0o711)
        seen = shelf.lstat()
    except OSError as error:
        raise ServerError(
            f"cannot make {shelf}: {error.strerror}; set LAB_HOME to a folder that everybody may pass"
        ) from None
    if shelf.is_symlink() or seen.st_uid != os.geteuid():
        raise ServerError(f"{shelf} belongs to another user or is a link; remove it")


def socket_folder(layout: Layout) -> Path:
    """Make and return a private folder for the Unix socket, short enough for every system."""
    inside = layout.root / "socket"
    plain = not any(letter in str(inside) for letter in ',"')
    if plain and len(os.fsencode(inside)) + len(_SOCKET_FILE) <= _SOCKET_LIMIT_BYTES:
        return accounts.private_folder(inside, layout.account)
    name = sha256(os.fsencode(layout.root)).hexdigest()[:12]
    return accounts.private_folder(
        accounts.temporary_root(layout.account) / f"lab-{os.geteuid()}-{name}", layout.account
    )


def drop_socket_folder(layout: Layout) -> None:
    """Remove the folder for the socket if it lies outside of the lab's own, and is empty."""
    name = sha256(os.fsencode(layout.root)).hexdigest()[:12]
    for parent in {accounts.temporary_root(layout.account), Path("/tmp")}:
        with contextlib.suppress(OSError):
            (parent / f"lab-{os.geteuid()}-{name}").rmdir()
