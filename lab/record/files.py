"""Small files that are replaced in one step, so that a reader never sees half of one; and what waits for the disk."""

import os
from pathlib import Path


def write_atomically(file: Path, text: str, durable: bool = True) -> None:
    """Replace *file* in one step, so that a reader sees the old text or the new one.

    *durable* waits for the disk; where time counts and the file is only a message, it need not.
    """
    part = file.with_name(file.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if durable:
        flush(file.parent)


def flush(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
