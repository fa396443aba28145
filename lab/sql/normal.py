"""One text for all executions of a statement: of a log, which has the values, and of pg_stat_statements, which has $1.

A statement is cut into PostgreSQL's own tokens. Every constant and every parameter becomes ``?``; comments go, spaces
are set anew, whatever is not quoted is lower case. Lists of constants count as one, however long (``in (?)``,
``array[?]``, rows of VALUES that are alike), since PostgreSQL 18 writes them so and 13 to 17 do not.

Two statements with one text are the same question but for its constants. The converse is not promised: an alias, or
``cast(x as t)`` for ``x::t``, makes another text.

Source: PostgreSQL manual, "Lexical Structure"; ``generate_normalized_query`` of pg_stat_statements.
"""

import re
from collections.abc import Callable, Mapping, Sequence

PLACE = "?"

_OPERATOR = "+-*/<>=~!@#%^&|`?"
_SPECIAL = frozenset("~!@#%^&|`?")
_WORD = r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*"
_TAG = r"\$(?:[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*)?\$"
# what is not closed reaches to the end, as a constant: a cut statement must not show its values
_TOKEN = re.compile(
    rf"""
      (?P<blank>[\x00-\x20\x7f]+|--[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<string>[eE]'(?:[^'\\]++|''|\\.)*+(?:'(?:[\ \t\f\v]*[\n\r]\s*'(?:[^'\\]++|''|\\.)*+')*|\\?\Z)
        |(?:[bBxXnN]|[uU]&)?'(?:[^']++|'')*+(?:'(?:[\ \t\f\v]*[\n\r]\s*'(?:[^']++|'')*+')*|\Z))
    | (?P<dollar>{_TAG})
    | (?P<quoted>(?:[uU]&)?"(?:[^"]++|"")*+(?P<closed>")?)
    | (?P<parameter>\$[0-9]+)
    | (?P<number>0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+
        |(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?)
    | (?P<word>{_WORD})
    | (?P<cast>::|:=|\.\.)
    | (?P<operator>(?:[+*<>=~!@\#%^&|`?]|-(?!-)|/(?!\*))+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}  # as PostgreSQL folds: ASCII alone
_BOUNDS = re.compile(r"/\*|\*/")

# after these a minus is a sign, and a parenthesis does not belong to a function
_RESERVED_WORDS = """
    all analyse analyze and any array as asc asymmetric between both by case cast check collate column
    constraint create cross default desc distinct do else end except exists false fetch filter for from full
    grant group having ilike in initially inner intersect interval into is isnull join lateral leading left like
    limit natural not notnull null offset on only or order outer over overlaps partition primary range
    references returning right row rows select set similar some symmetric table tablesample then to trailing
    true union unique using values variadic when where window with within
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())
_CALLS = frozenset(["any", "all", "some", "exists", "array", "cast", "row", "end", "left", "right", "coalesce"])
_TIGHT_BEFORE = frozenset([",", ")", "]", ";", ".", "::", ".."])
_TIGHT_AFTER = frozenset(["(", "[", ".", "::", ".."])


def normalise(statement: str) -> str:
    """Return the text that all executions of a statement share; it has no constant of theirs.

    :param statement: as a log or pg_stat_statements has it, cut off or broken too. Nothing is raised.

    >>> normalise("SELECT * FROM posts WHERE id IN (1, 2, -3) AND title = 'it''s' -- why")
    'select * from posts where id in (?) and title = ?'
    >>> normalise("select * from posts where id in ($1 /*, ... */) and title=$2")
    'select * from posts where id in (?) and title = ?'
    """
    tokens = _named(_tokens(statement))
    while tokens and tokens[-1] == ";":
        tokens.pop()
    collapsed: list[str] = []
    while collapsed != tokens:
        collapsed, tokens = tokens, _rows(_lists(tokens))
    return _joined(tokens)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while match := _TOKEN.match(text, at):
        kind, at = match.lastgroup or "", match.end()
        if kind == "closed":
            kind = "quoted"
        if kind == "comment":
            at = _after_comment(text, at)
        elif kind == "dollar":
            at = _after(text, match.group(), at)
            found.append(PLACE)
        elif kind == "operator":
            found += _operators(match.group())
        elif kind != "blank":
            _add(found, kind, match)
    return found


def _add(found: list[str], kind: str, match: re.Match[str]) -> None:
    text = match.group()
    if kind == "number" and found[-1:] == ["-"] and _is_sign(found):
        found[-1] = PLACE
    elif kind in ("string", "parameter", "number") or (kind == "quoted" and not match["closed"]):
        found.append(PLACE)
    elif kind == "word":
        found.append(_word(text.translate(_LOWER), found))
    else:
        found.append(text)


def _word(word: str, before: Sequence[str]) -> str:
    """Return a word; the constants that are written as words are constants, but for ``is null`` and its like."""
    if word not in ("true", "false", "null"):
        return word
    last = before[-2:] if before[-1:] == ["not"] else before[-1:]
    return word if last[:1] == ["is"] else PLACE


def _is_sign(found: Sequence[str]) -> bool:
    """Tell whether the last token, a minus before a number, has nothing to its left to be taken from."""
    if len(found) < 2:
        return True
    before = found[-2]
    return (
        before in _RESERVED or before in ("(", "[", ",", ";", ":", ":=") or (before[0] in _OPERATOR and before != "?")
    )


def _operators(run: str) -> list[str]:
    """Cut a run of operator characters as PostgreSQL's lexer does: + or - ends one only with a special one in it."""
    if _SPECIAL.isdisjoint(run):
        first = run.rstrip("+-") or run[0]
        return [first.replace("!=", "<>"), *run[len(first) :]]
    return [run.replace("!=", "<>")]


def _after(text: str, end: str, at: int) -> int:
    found = text.find(end, at)
    return len(text) if found < 0 else found + len(end)


def _after_comment(text: str, at: int) -> int:
    """Return where a comment ends that began before *at*; comments nest."""
    depth = 1
    while depth:
        bound = _BOUNDS.search(text, at)
        if bound is None:
            return len(text)
        depth += 1 if bound.group() == "/*" else -1
        at = bound.end()
    return at


def _named(tokens: list[str]) -> list[str]:
    """Replace what the server takes for a constant, though it is written as a name."""
    for at in range(len(tokens) - 3):
        if tokens[at : at + 2] == ["extract", "("] and tokens[at + 3] == "from":
            tokens[at + 2] = PLACE
    return _utility(tokens)


def _utility(tokens: list[str]) -> list[str]:
    """Replace the value that SET gives, and the names of savepoints and prepared statements."""
    words = [word for word in tokens if word != ";"]
    match words:
        case ["set", "transaction" | "constraints" | "role", *_] | ["set", "session", "characteristics", *_]:
            return tokens
        case ["set", ("local" | "session") as kind, "time", "zone", _, *_]:
            return ["set", kind, "time", "zone", PLACE]
        case ["set", "time", "zone", _, *_]:
            return ["set", "time", "zone", PLACE]
        case ["set", *name, _] if (at := _assigned(name)) and ";" not in tokens[:-1]:
            return ["set", *name[:at], "=", PLACE]
        case ["savepoint", _] | ["deallocate", _]:
            return [words[0], PLACE]
        case ["deallocate", "prepare", _]:
            return ["deallocate", PLACE]
        case ["release", _] | ["release", "savepoint", _]:
            return ["release", PLACE]
        case ["rollback", "to", _] | ["rollback", "to", "savepoint", _]:
            return ["rollback", "to", PLACE]
    return tokens


def _assigned(name: Sequence[str]) -> int:
    """Return where ``=`` or ``to`` stands; 0 if nowhere."""
    return next((at for at, word in enumerate(name) if word in ("=", "to")), 0)


def _lists(tokens: list[str]) -> list[str]:
    """Write a list of constants after IN, or of an ARRAY, as one constant."""
    out: list[str] = []
    at = 0
    while at < len(tokens):
        out.append(tokens[at])
        opened = "".join(tokens[at : at + 2])
        if opened in ("in(", "array["):
            end = _constants(tokens, at + 2, ")" if opened == "in(" else "]")
            if end:
                out += [tokens[at + 1], PLACE]
                at = end - 1
        at += 1
    return out


def _constants(tokens: Sequence[str], at: int, close: str) -> int:
    """Return where a list of constants (each with casts or without) is closed; 0 if it is not such a list."""
    while at < len(tokens) and tokens[at] == PLACE:
        at += 1
        while tokens[at : at + 1] == ["::"] and re.fullmatch(_WORD, "".join(tokens[at + 1 : at + 2])):
            at += 2
        if tokens[at : at + 1] == [close]:
            return at
        if tokens[at : at + 1] != [","]:
            return 0
        at += 1
    return 0


def _rows(tokens: list[str]) -> list[str]:
    """Leave out each row of VALUES that is like the one before it."""
    out: list[str] = []
    at, ends = 0, _closed(tokens)
    while at < len(tokens):
        out.append(tokens[at])
        at += 1
        if out[-1] == "values":
            at = _values(tokens, at, ends, out.extend)
    return out


def _values(tokens: Sequence[str], at: int, ends: Mapping[int, int], add: Callable[[Sequence[str]], None]) -> int:
    """Add the rows that begin at *at*, and return where they end."""
    before: Sequence[str] = ()
    while end := ends.get(at, 0):
        row = tokens[at:end]
        if row != before:
            add([*([","] if before else []), *row])
        before, at = row, end
        if tokens[at : at + 2] != [",", "("]:
            break
        at += 1
    return at


def _closed(tokens: Sequence[str]) -> dict[int, int]:
    """Return the place after the parenthesis that closes each one, by the place of the opening one."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for place, token in enumerate(tokens):
        if token == "(":
            opened.append(place)
        elif token == ")" and opened:
            ends[opened.pop()] = place + 1
    return ends


def _joined(tokens: Sequence[str]) -> str:
    out, before = "", ""
    for token in tokens:
        out += f" {token}" if before and _apart(before, token) else token
        before = token
    return out


def _apart(before: str, token: str) -> bool:
    if before in _TIGHT_AFTER or token in _TIGHT_BEFORE:
        return False
    if token in ("(", "["):
        name = before[-1].isalnum() or before[-1] in '_"$)]' or not before[-1].isascii()
        return not name or (before in _RESERVED and before not in _CALLS)
    return True
