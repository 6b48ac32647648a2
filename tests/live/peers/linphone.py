"""linphonec as a telephone: it registers by SHA-256, over TLS, and checks whom it talks to. It has no sound card: it
plays a WAV file and writes what it hears into another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.live.harness import free_port

RTP_PORTS = 20  # for its calls: by default it takes any port of the machine's


class Linphone:
    """One linphonec, driven over its standard input. `ca`: the authority it believes."""

    def __init__(self, directory: Path, *, user: str, password: str, port: int, transport: str, ca: Path,
                 answers: bool = False, srtp: bool = False) -> None:  # fmt: skip
        program = shutil.which("linphonec")
        assert program, "linphonec is missing: apt-get install linphone-nogtk (make peers)"
        self.directory = directory / "linphone"
        (self.directory / ".local" / "share" / "linphone").mkdir(parents=True)
        config = self.directory / "rc"
        rtp = free_port(RTP_PORTS)
        config.write_text(
            f"[sip]\nsip_port=0\nsip_tcp_port=-1\nsip_tls_port=-1\nverify_server_certs=1\nverify_server_cn=0\n"
            f"root_ca={ca}\ndefault_proxy=0\nmedia_encryption={'srtp' if srtp else 'none'}\n"
            f"[rtp]\naudio_rtp_port={rtp}-{rtp + RTP_PORTS - 1}\n"
            f"[proxy_0]\nreg_proxy=<sip:127.0.0.1:{port};transport={transport}>\nreg_identity=<sip:{user}@127.0.0.1>\n"
            f"reg_expires=600\nreg_sendregister=1\n"
            f"[auth_info_0]\nusername={user}\npasswd={password}\ndomain=127.0.0.1\n"
        )
        self.log = self.directory / "output.txt"
        command = [program, "-c", str(config), "-l", str(self.directory / "log.txt"), "-d", "6"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *(["-a"] if answers else [])], cwd=self.directory, env={"HOME": str(self.directory)},
                stdin=subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip
        self.tell("soundcard use files")

    def __enter__(self) -> Linphone:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        self.tell("quit")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        assert self.process.stdin is not None
        self.process.stdin.close()
        if kind is not None:
            print(self.log.read_text(errors="replace")[-3000:])

    def tell(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()

    def speaks(self, voice: Path) -> None:
        """In every call from now on."""
        self.tell(f"play {voice}")

    def hangs_up(self) -> None:
        self.tell("terminate")

    def complaints(self) -> str:
        """Its log, whole."""
        log = self.directory / "log.txt"
        return log.read_text(errors="replace") if log.exists() else ""
