"""A statement's text without the passwords in it.

The server keeps the text of what is no query (CREATE ROLE, ALTER USER, CREATE SUBSCRIPTION, ...) as it was typed. Such
a text has more forms than can be listed, so none of it is kept but its first words. A query is kept, and what follows
``password`` in its strings is not.
"""

import re

LEFT_OUT = "... (left out: it may hold a password)"
_SECRET = re.compile(r"password|://[^\s/]*:[^\s/]*@", re.IGNORECASE)
# a comment inside a comment is no word, and so nothing of what follows is kept
_BEFORE = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*(?:(?!/\*).)*?\*/)*", re.DOTALL)
_QUERY = re.compile(r"(?:SELECT|WITH|INSERT|UPDATE|DELETE|MERGE|VALUES|TABLE)\b", re.IGNORECASE)
_WORDS = re.compile(r"[a-z]+(?:\s+(?!password)\w+){0,2}", re.IGNORECASE)
_LITERAL = re.compile(r"\bE'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'", re.IGNORECASE | re.DOTALL)
_IN_LITERAL = re.compile(r"password.*", re.IGNORECASE | re.DOTALL)
_VALUE = re.compile(r"(password\s*)((?:=>?)?\s*(?:E|U&)?'+[^']*'+|=\s*(?![$]\d|[*>])[^\s,;()']+)", re.IGNORECASE)
_ADDRESS = re.compile(r"(://[^\s:/@']*:)[^\s@']*@")


def without_password(query: str | None) -> str | None:
    """Return a statement's text without the password that it may hold.

    >>> print(without_password("ALTER ROLE me PASSWORD 'secret'"))
    ALTER ROLE me ... (left out: it may hold a password)
    >>> typed = [
    ...     "ALTER ROLE me PASSWORD E'secret'",
    ...     "ALTER USER me PASSWORD'secret'",
    ...     "CREATE GROUP us ENCRYPTED PASSWORD U&'secret'",
    ...     "CREATE ROLE me PASSWORD /* x */ 'secret'",
    ...     "/* who */ create role me password $a$secret$a$",
    ...     "/* a /* b */ SELECT */ ALTER ROLE me PASSWORD 'secret'",
    ...     "CREATE SUBSCRIPTION s CONNECTION 'host=a password=secret' PUBLICATION p",
    ...     "CREATE SUBSCRIPTION s CONNECTION 'postgresql://me:secret@a/b' PUBLICATION p",
    ...     "CREATE USER MAPPING FOR me SERVER s OPTIONS (user 'me', password 'secret')",
    ...     "ALTER SYSTEM SET primary_conninfo = 'host=a password=secret'",
    ...     "DO $$ BEGIN EXECUTE 'ALTER ROLE me PASSWORD ''secret'''; END $$",
    ...     "SELECT * FROM dblink('host=a password=secret user=me', 'SELECT 1')",
    ...     "SELECT * FROM dblink(E'it\\'s password=secret', $1)",
    ...     "SELECT * FROM dblink('password=''my secret'' user=me', $1)",
    ...     "SELECT dblink_connect($a$host=a password=secret$a$)",
    ...     "SELECT dblink_connect('postgresql://me:secret@a/b')",
    ...     "SELECT set_password(password => 'secret') FROM me WHERE password = 'secret'",
    ... ]
    >>> [text for text in typed if "secret" in without_password(text)]
    []
    >>> without_password("SELECT * FROM dblink('host=a password=secret', $1)")
    "SELECT * FROM dblink('host=a password=***', $1)"
    >>> without_password("SELECT id FROM people WHERE password = $1 AND name = 'me'")
    "SELECT id FROM people WHERE password = $1 AND name = 'me'"
    """
    if not query or not _SECRET.search(query):
        return query
    begin = _BEFORE.match(query)
    text = query[begin.end() if begin else 0 :]
    if not _QUERY.match(text):
        words = _WORDS.match(text)
        return f"{words[0] if words else ''} {LEFT_OUT}".lstrip()
    return _ADDRESS.sub(r"\1***@", _VALUE.sub(_value, _LITERAL.sub(_literal, query)))


def _literal(found: re.Match[str]) -> str:
    return _IN_LITERAL.sub("password=***'", found[0])


def _value(found: re.Match[str]) -> str:
    return found[0] if "***" in found[2] else f"{found[1]}= ***"
