"""Secrets are named by their place, and read when they are needed."""

import os
from dataclasses import dataclass
from pathlib import Path


class SecretMissing(LookupError):
    """The environment variable, file or line that should hold a secret is not there."""


@dataclass(slots=True, frozen=True)
class Secret:
    """Where a secret is kept. It is read when asked for, and in no log or repr."""

    env: str | None = None
    file: Path | None = None
    key: str | None = None  # the file holds lines KEY=value, and this one is meant

    def reveal(self) -> str:
        """The secret itself. Raises `SecretMissing`, whose text names the place, never the value."""
        if self.env is not None:
            value = os.environ.get(self.env)
            if not value:
                raise SecretMissing(f"the environment variable {self.env} is not set")
            return value
        assert self.file is not None
        try:
            text = self.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SecretMissing(f"{self.file} cannot be read: {error}") from None
        if self.key is None:
            if not (value := text.strip("\r\n")):
                raise SecretMissing(f"{self.file} is empty")
            return value
        for line in text.splitlines():
            name, equals, value = line.partition("=")
            if equals and name.strip() == self.key and value.strip():
                return value.strip()
        raise SecretMissing(f"{self.file} has no line {self.key}=…")
