"""Text from outside, made fit to be seen."""


def harmless(text: str) -> str:
    r"""The text with everything that is not printable escaped (``\n``, ``\x1b``, ``\u202e``): it can neither forge a
    line nor move a cursor."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
