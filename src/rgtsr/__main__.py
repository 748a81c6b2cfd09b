"""``python -m rgtsr``: the same as the command ``rgtsr``."""

from rgtsr.cli import main

if __name__ == "__main__":
    main()
