"""What the bundle starts: the window without a verb, else the command line."""

from tmlapp.cli.main import main

if __name__ == "__main__":
    main()
