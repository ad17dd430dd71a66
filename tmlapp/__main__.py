"""`python -m tmlapp` is the command `tmlapp`."""

import signal

# Ctrl-C while the libraries are still being loaded ends the program, without a traceback out of one of them.
_handler = signal.signal(signal.SIGINT, signal.SIG_DFL)

from tmlapp.cli.main import main  # noqa: E402 - after the line above, that is its point

signal.signal(signal.SIGINT, _handler)

if __name__ == "__main__":
    main()
