"""An SSH server for tests where Debian's is not installed: ``ssh_server.py PORT HOST_KEY AUTHORIZED_KEYS``."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE

import asyncssh


async def work(process: asyncssh.SSHServerProcess) -> None:
    """Run one command for as long as its connection lasts."""
    child = await asyncio.create_subprocess_shell(
        str(process.command), stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    try:
        await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
        waiting = [asyncio.ensure_future(w) for w in (child.wait(), process.channel.wait_closed())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        process.exit(await child.wait())


async def serve(port: int, host_key: str, authorized_keys: str) -> None:
    """Listen on this machine."""
    options = {"server_host_keys": [host_key], "authorized_client_keys": authorized_keys}
    await asyncssh.listen("127.0.0.1", port, process_factory=work, **options)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:]))
