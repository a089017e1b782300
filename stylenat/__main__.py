"""`python -m stylenat`: the same as the `stylenat` command, from any working directory."""

from stylenat.cli import main

if __name__ == "__main__":
    main()
