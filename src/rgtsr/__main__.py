"""The command ``rgtsr``, and ``python -m rgtsr``: signals are listened to before all else."""

import sys
from typing import NoReturn

from rgtsr import signals

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command and end the process."""
    signals.listen()
    try:
        from rgtsr import cli
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    cli.main()


if __name__ == "__main__":
    main()
