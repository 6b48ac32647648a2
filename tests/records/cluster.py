"""A PostgreSQL of our own, on loopback, in a directory of its own; it ends when we do, however that is."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.live.harness import free_port

OWNER = "hotline"  # may do everything; asked for no password
HOST = "127.0.0.1"
NEW = ("-U", OWNER, "-A", "trust", "-N", "-E", "UTF8", "--no-locale")


class Cluster:
    """`with Cluster() as cluster`. PostgreSQL refuses to be root: then it is somebody else."""

    def __init__(self) -> None:
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def __enter__(self) -> "Cluster":
        self._directory = Path(tempfile.mkdtemp(prefix="hotline-postgres-"))
        if self._nobody is not None:
            os.chown(self._directory, self._nobody.pw_uid, self._nobody.pw_gid)
        self.port = free_port()  # none of the kernel's: while it is stopped, nobody's connection is given it
        self._log = self._directory / "log"
        self._data = self._directory / "data"
        begun = self._begin(
            "initdb", "-D", str(self._data), "-U", OWNER, "-A", "trust", "-N", "-E", "UTF8", "--no-locale"
        )
        assert begun.wait(120) == 0, self._log.read_text()
        (self._data / "pg_hba.conf").write_text(
            f"host all {OWNER} {HOST}/32 trust\nhost all all {HOST}/32 scram-sha-256\n"
        )
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, what: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self._directory)

    def start(self) -> None:
        """Not from a thread: it ends with the thread that started it."""
        settings = (f"listen_addresses={HOST}", f"unix_socket_directories={self._directory}", "shared_buffers=8MB")
        words = [word for setting in settings for word in ("-c", setting)]
        self._process = self._begin("postgres", "-D", str(self._data), "-F", "-p", str(self.port), *words)
        ready = [program("pg_isready"), "-q", "-h", HOST, "-p", str(self.port)]
        until = time.monotonic() + 60.0
        while subprocess.run(ready, check=False).returncode:
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < until, self._log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Whoever is connected is thrown out."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(60)

    def database(self) -> str:
        """The URL of a new database."""
        self._databases += 1
        name = f"records_{self._databases}"
        self.sql(f"postgresql://{OWNER}@{HOST}:{self.port}/postgres", f"create database {name}")
        return f"postgresql://{OWNER}@{HOST}:{self.port}/{name}"

    def sql(self, url: str, *statements: str) -> list[list[str]]:
        """The rows that the statements gave, as texts."""
        words = [word for statement in statements for word in ("-c", statement)]
        command = [program("psql"), url, "-qAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", *words]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def _begin(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        who = self._nobody
        with self._log.open("ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", program(name), *words],
                stdout=log,
                stderr=log,
                cwd=self._directory,
                user=who.pw_uid if who else None,
                group=who.pw_gid if who else None,
                extra_groups=[] if who else None,
            )


def program(name: str) -> str:
    """Where Debian keeps it, or else on the path. Raises AssertionError: a peer that is missing is a failure."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(kept[-1]) if kept else shutil.which(name)
    assert found, f"{name} is missing: `make peers` installs PostgreSQL"
    return found
