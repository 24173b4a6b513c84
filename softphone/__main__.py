"""``python -m softphone`` is the command line."""

from softphone.cli import main

if __name__ == "__main__":
    main()
