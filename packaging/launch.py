"""What the bundle starts: the window without a verb, else the command line."""

import multiprocessing

from tmlapp.cli.main import main

if __name__ == "__main__":
    # Workers of a run start this very program again.
    multiprocessing.freeze_support()
    main()
