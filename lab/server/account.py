"""Whom the server runs as, and the files that are made for it.

PostgreSQL refuses to run as root. When the lab runs as root, the server runs as the account ``postgres`` if there is
one, else as ``nobody``. Folders that the lab did not make keep their permissions: if the account cannot get to the
lab's home, the server's files go to a folder of the lab's own under ``/var``.

Files that the account could tamper with are copied as that account, never as root.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.errors import ServerError
from lab.process import Account

_NAMES = ("postgres", "nobody")


def choose() -> Account | None:
    """Return whom to run the server as; None means the user who runs the lab.

    :raises ServerError: if the lab runs as root and there is no account to step down to.
    """
    if os.geteuid() != 0:
        return None
    for name in _NAMES:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid != 0:
                return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise ServerError(
        "PostgreSQL refuses to run as root, and there is no account postgres or nobody; run the lab as a user"
    )


def run_as(account: Account | None, argv: Sequence[str], timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
    """Run a short command as the account, from ``/`` and in the C locale; its output is kept as text.

    :raises OSError: if it cannot be started at all, for instance because the account cannot reach the program.
    """
    who: dict[str, Any] = {}
    if account:
        who = {"user": account.uid, "group": account.gid, "extra_groups": []}
    return subprocess.run(
        list(argv),
        cwd="/",
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        umask=0o077,
        **who,
    )


def environment() -> dict[str, str]:
    """Return what the server's programs find in their environment: nothing of libpq's, and no locale but C."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def reaches(account: Account | None, folder: Path) -> bool:
    """Whether the account may pass through *folder*."""
    if account is None:
        return os.access(folder, os.X_OK)
    try:
        return run_as(account, ["/bin/sh", "-c", '[ -x "$0" ]', str(folder)]).returncode == 0
    except OSError:
        return False


def private_folder(folder: Path, account: Account | None) -> Path:
    """Make *folder* for the account alone (mode 0700), or check that it is.

    :raises ServerError: if it is a link, or belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = account.uid if account else os.geteuid()
        seen = folder.lstat()
        if account and seen.st_uid == 0 and not folder.is_symlink():
            os.chown(folder, account.uid, account.gid, follow_symlinks=False)
            seen = folder.lstat()
    except OSError as error:
        raise ServerError(f"cannot make the folder {folder}: {error.strerror}") from None
    if folder.is_symlink() or not folder.is_dir() or seen.st_uid != owner:
        raise ServerError(
            f"{folder} is a link or belongs to another user; remove it, or set LAB_HOME to another folder"
        )
    if seen.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def write_file(file: Path, text: str, account: Account | None) -> None:
    """Write *file* for the account alone (mode 0600), replacing it in one step and following no link."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(handle, "w", encoding="utf-8") as stream:
        if account:
            os.fchown(handle, account.uid, account.gid)
        stream.write(text)
    part.replace(file)


def copy_tree(source: Path, target: Path, account: Account | None) -> None:
    """Copy a folder as the account; blocks are shared where the file system can do it.

    :raises ServerError: if it fails (a full disk, usually); nothing is left of the target then.
    """
    plain = ["cp", "-pR", str(source), str(target)]
    quick = ["cp", "-cpR", *plain[2:]] if sys.platform == "darwin" else ["cp", "-a", "--reflink=auto", *plain[2:]]
    done = run_as(account, quick)
    if done.returncode != 0 and "No space" not in done.stderr:
        remove_tree(target)
        done = run_as(account, plain)
    if done.returncode != 0:
        remove_tree(target)
        raise ServerError(f"cannot copy {source} to {target}: {last_line(done.stderr)}")


def remove_tree(folder: Path) -> None:
    """Delete a folder and follow no link; nothing happens if there is none."""
    if not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def last_line(text: str) -> str:
    """Return the last line that says something.

    >>> last_line("one\\ntwo\\n\\n")
    'two'
    """
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def temporary_root(account: Account | None) -> Path:
    """Return a folder for short-lived files that the account can reach."""
    folder = Path(tempfile.gettempdir())
    return folder if reaches(account, folder) else Path("/tmp")
