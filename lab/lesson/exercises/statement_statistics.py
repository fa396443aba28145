"""Exercises of 11_statement_statistics."""

import re

from lab.demonstrate import index_use
from lab.lesson.desk import bench

_COLUMNS = ("id", "post_id", "author_id", "body", "created_at")
_FEW = 0.1


def comments_index(made: object) -> tuple[bool, str]:
    """Does an index on these columns of comments spare the question most of what it reads?"""
    if not isinstance(made, str):
        return False, "no columns were named yet; write some in place of the dots"
    columns = [part.strip() for part in made.split(",")]
    if not all(re.fullmatch(r"[a-z_]+", column) and column in _COLUMNS for column in columns):
        return False, f"an index has columns of the table, with commas between: {', '.join(_COLUMNS)}"
    tried = index_use.what_if_comments(bench(), ", ".join(columns))
    if not any("lab_what_if" in node for node in tried.after.plan):
        return False, "the planner does not use this index for the question; look at what the statement compares"
    share = tried.after.blocks / tried.before.blocks
    if share > 0.5:
        return False, "the index is used, and more than half of the blocks are read all the same"
    if share > _FEW:
        return True, "less than half of the blocks are read; with one more column the table need not be read at all"
    return True, "the index alone answers the question, and hardly any block is read"


CHECKS = {"comments_index": comments_index}
