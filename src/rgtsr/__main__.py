"""``python -m rgtsr``."""

from rgtsr.cli import main

if __name__ == "__main__":
    main()
