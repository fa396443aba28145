"""Small files that are replaced in one step, so that a reader never sees half of one."""

import os
from pathlib import Path


def write_atomically(file: Path, text: str) -> None:
    """Replace *file* in one step, so that a reader sees the old text or the new one."""
    part = file.with_name(file.name + ".part")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
