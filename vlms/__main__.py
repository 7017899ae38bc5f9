"""Run the command line as ``python -m vlms``."""

from vlms.cli import main

if __name__ == "__main__":
    main(prog_name="vlms")
