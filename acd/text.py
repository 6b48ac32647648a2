"""Text from outside, made fit to be seen and to be written."""

from typing import Any


def harmless(text: str) -> str:
    r"""The text with everything that is not printable escaped (``\n``, ``\x1b``, ``\u202e``): it can neither forge a
    line nor move a cursor."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def storable(text: str) -> str:
    """The text as any database can hold it: surrogates replaced, and NUL, which PostgreSQL refuses."""
    if text.isascii() and "\0" not in text:
        return text
    return str(without_surrogates(text)).replace("\0", "?")


def without_surrogates(given: Any) -> Any:
    """The text, or the plain data, with each half of a surrogate pair replaced: UTF-8 cannot hold one."""
    if isinstance(given, str):
        return given if given.isascii() else given.encode("utf-8", "replace").decode()
    if isinstance(given, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in given.items()}
    if isinstance(given, list | tuple):
        return [without_surrogates(item) for item in given]
    return given
