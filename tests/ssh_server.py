"""Gives the files of this machine by SFTP to who knows the word: ``python ssh_server.py KEY PORT``.

The port is printed; 0 takes a free one. The key of the server is made where there is none.
"""

import asyncio
import sys
from pathlib import Path

import asyncssh


class Guest(asyncssh.SSHServer):
    """One connection."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == "word"


async def main(key: Path, port: int) -> None:
    if not key.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)
    server = await asyncssh.listen(
        "127.0.0.1", port, server_host_keys=[key], server_factory=Guest, sftp_factory=True
    )
    print(server.get_port(), flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
