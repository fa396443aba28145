"""Write ``.env`` beside ``docker-compose.yml``: a random password for each role, and a token for each door.

It runs before anything is installed (``make env``), so it needs nothing but Python. It never replaces a value and never
prints one; what is missing or empty is filled in, everything else in the file stays as it is. The file is readable by
its owner alone from the moment it exists.
"""

import contextlib
import fcntl
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("LAB_OWNER_PASSWORD", "LAB_APP_PASSWORD", "LAB_OBSERVER_PASSWORD", "LAB_AGENT_TOKEN", "JUPYTER_TOKEN")

_PROJECT = Path(__file__).resolve().parents[2]
_HEAD = "# made by make env; .env.example says what else can stand here\n"
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*[=:]\s*(.*?)\s*$")
_EMPTY = re.compile(r"""^(?:''|"")?\s*(?:#.*)?$""")
_PRIVATE = 0o600
_BITS = 24  # bytes of randomness: 192 bits, 32 signs


def complete(text: str) -> tuple[str, list[str]]:
    """Return *text* with a value for each of ``NAMES``, and the names that had none; the last line counts.

    >>> made, missing = complete("LAB_APP_PASSWORD=mine\\nJUPYTER_TOKEN=  # later\\n")
    >>> missing, "LAB_APP_PASSWORD=mine" in made, made.count("JUPYTER_TOKEN")
    (['LAB_OWNER_PASSWORD', 'LAB_OBSERVER_PASSWORD', 'LAB_AGENT_TOKEN', 'JUPYTER_TOKEN'], True, 1)
    """
    lines = text.splitlines(keepends=True)
    found = {match[1]: (number, match[2]) for number, line in enumerate(lines) if (match := _LINE.match(line))}
    missing = [name for name in NAMES if name not in found or _EMPTY.match(found[name][1])]
    if missing and lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    for name in missing:
        line = f"{name}={secrets.token_urlsafe(_BITS)}\n"
        if name in found:
            lines[found[name][0]] = line
        else:
            lines.append(line)
    return "".join(lines), missing


def write(folder: Path) -> str:
    """Make ``.env`` in *folder*, or complete it, and return one line about what was done.

    :raises OSError: if the file cannot be read or written.
    """
    with _alone(folder):
        # an .env that is kept elsewhere and linked here stays there
        target = (folder / ".env").resolve()
        made = _create(target)
        was = target.stat()
        mode = stat.S_IMODE(was.st_mode)
        if mode & 0o077:
            target.chmod(_PRIVATE)
        text = target.read_bytes().decode("utf-8", "surrogateescape")
        text, missing = complete(text or _HEAD)
        if missing:
            _replace(target, text.encode("utf-8", "surrogateescape"), was)
    if made:
        return f"made {target} with {len(missing)} random passwords"
    done = [f"added {', '.join(missing)}"] if missing else []
    done += [f"took it from others (mode was {mode:04o})"] if mode & 0o077 else []
    return f"{target}: {'; '.join(done) or 'complete, nothing changed'}"


def _create(target: Path) -> bool:
    """Make an empty file that only its owner can read; whether there was none."""
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
    except FileExistsError:
        return False
    return True


def _replace(target: Path, content: bytes, was: os.stat_result) -> None:
    """Put *content* in the place of *target* at once, so that no reader ever sees half of it."""
    new = target.with_name(f".env-{secrets.token_hex(4)}")
    handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE)
    try:
        with os.fdopen(handle, "wb") as file:
            with contextlib.suppress(OSError):  # root completing somebody's file leaves it theirs
                os.fchown(file.fileno(), was.st_uid, was.st_gid)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two calls at once would each make passwords; the second one waits and then finds them made."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def main() -> int:
    """Complete the project's own ``.env``; one line on stdout, or one line of error."""
    try:
        sys.stdout.write(write(_PROJECT) + "\n")
    except OSError as error:
        sys.stderr.write(f"error: cannot write {error.filename or _PROJECT / '.env'}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
