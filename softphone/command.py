"""``acd softphone``."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from acd.cli.options import NO, OK, UNUSABLE, Config, Control, control_path, fail

if TYPE_CHECKING:
    from softphone.phone import Account
    from softphone.sound import Sound

PASSWORD: Final = "ACD_SOFTPHONE_PASSWORD"


def register(app: typer.Typer) -> None:
    app.command()(softphone)


def softphone(
    device: Annotated[str, typer.Argument(help="Whose phone this is: the user it registers as.", show_default=False)],
    registrar: Annotated[
        str | None, typer.Option("--registrar", metavar="HOST:PORT", help="Default: as the configuration says.")
    ] = None,
    password_env: Annotated[
        str, typer.Option("--password-env", metavar="NAME", help="The password is in this environment variable.")
    ] = PASSWORD,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="The password is what this file holds.", dir_okay=False)
    ] = None,
    said: Annotated[Path | None, typer.Option("--in", help="Say what is in this file, not in the microphone.")] = None,
    heard: Annotated[Path | None, typer.Option("--out", help="Write what is heard to this WAV file.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", metavar="ID", help="Whose calls to transfer.")] = None,
    control: Control = None,
    config: Config = None,
) -> None:
    """A telephone in the terminal: register, take and make calls, hold, keys, warm transfer, level meter.

    In a terminal single keys do it (? lists them). Otherwise each line of standard input is a command (`help` lists
    them), and every event a line of standard output. The password never is an argument: it comes from --config, a file,
    the environment, or is asked for.

    Example: acd softphone desk-1 --config examples/bank/hotline.yaml
    """
    from media.audio import AudioError
    from softphone.sound import Card, Files, SoundError

    account = _account(device, registrar, password_env, password_file, config)
    try:
        sound: Sound = Files(said, heard) if said is not None or heard is not None else Card()
    except (SoundError, AudioError, OSError) as error:
        fail(UNUSABLE, str(error))
    socket = control_path(control, config) if agent is not None else Path()
    try:
        well = asyncio.run(_run(account, sound, agent, socket))
    except OSError as error:
        fail(UNUSABLE, str(error))
    raise typer.Exit(OK if well else NO)


def _account(
    device: str, registrar: str | None, password_env: str, password_file: Path | None, config: Path | None
) -> Account:
    from softphone.phone import Account

    password, at = None, None
    if config is not None:
        password, at = _configured(device, config)
    if registrar is not None:
        host, _, port = registrar.rpartition(":")
        if not (host and port.isascii() and port.isdigit()):
            fail(UNUSABLE, f"{registrar!r} is no registrar: write it as 127.0.0.1:5062")
        at = host.strip("[]"), int(port)
    if at is None:
        fail(UNUSABLE, "register where? --registrar HOST:PORT, or --config FILE")
    if password_file is not None:
        try:
            password = password_file.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            fail(UNUSABLE, str(error))
    password = password or os.environ.get(password_env)
    if not password and sys.stdin.isatty():
        password = getpass.getpass(f"Password of {device}: ")
    if not password:
        fail(UNUSABLE, f"no password: set the environment variable {password_env}, or name a file by --password-file")
    return Account(device, password, at)


def _configured(device: str, config: Path) -> tuple[str | None, tuple[str, int] | None]:
    """The password and the registrar of a device, as the configuration says."""
    from acd.config import ConfigError, load
    from acd.secret import SecretMissing

    try:
        hotline = load(config)
        found = hotline.devices.get(device)
        if found is None:
            fail(UNUSABLE, f"{config}: there is no device {device!r}; there are {', '.join(hotline.devices)}")
        if found.password is None:
            why = "is known by its ha1 only: give the password" if found.ha1 else "does not register"
            fail(UNUSABLE, f"{config}: the device {device!r} {why}")
        listener = next((a for a in hotline.listen[found.network].sip if a.transport == "udp"), None)
        return found.password.reveal(), (listener.host, listener.port) if listener is not None else None
    except (ConfigError, SecretMissing, OSError) as error:
        fail(UNUSABLE, str(error))


async def _run(account: Account, sound: Sound, agent: str | None, socket: Path) -> bool:
    from acd.cli.client import ControlClient
    from softphone.phone import Phone
    from softphone.terminal import Desk, Keyboard, script, stdin_lines

    phone = Phone(account, sound, lambda text: print(text, flush=True))
    desk = Desk(phone, agent, lambda: ControlClient(socket))
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    well = True
    try:
        if sys.stdin.isatty() and sys.stdout.isatty():
            keyboard = Keyboard(desk)
            phone.tell = keyboard.tell
            phone.start()
            await keyboard.run()
        else:
            phone.start()
            well = await script(desk, stdin_lines())
    except asyncio.CancelledError:  # Ctrl-C
        well = True
    finally:
        phone.tell = lambda text: print(text, flush=True)
        with suppress(asyncio.CancelledError):
            await phone.close()
    return well
