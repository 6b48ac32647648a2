"""`python -m acd`: the same as `acd`."""

from acd.cli import main

if __name__ == "__main__":
    main()
