"""The command `apical` as ``python -m apical``."""

from apical.cli import main

if __name__ == "__main__":
    main()
