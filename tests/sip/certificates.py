"""Certificates of an authority of the test's own, made by `openssl`."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """Makes `ca.pem`, and certificates for 127.0.0.1 and ::1, in `directory`."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self.directory = directory
        self.ca = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        self._openssl(
            "req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.ca, "-days", "2", "-subj", "/CN=Test"
        )

    def certificate(self, name: str, days: int = 2, of: str = "IP:127.0.0.1,IP:::1") -> tuple[Path, Path]:
        """The certificate, `of` these names, and its key."""
        certificate, key, asked = (self.directory / f"{name}.{end}" for end in ("pem", "key", "csr"))
        extensions = self.directory / "san.cnf"
        extensions.write_text(f"subjectAltName={of}\n")
        self._openssl("req", *_NEW_KEY, "-keyout", key, "-out", asked, "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", asked, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial",
                      "-out", certificate, "-days", str(days), "-extfile", extensions)  # fmt: skip
        return certificate, key

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.directory, check=True, capture_output=True)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
