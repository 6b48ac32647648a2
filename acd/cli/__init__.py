"""The command line, ``acd …``."""

from acd.cli.app import main

__all__ = ["main"]
