"""`python -m tmlapp` is the command `tmlapp`."""

from tmlapp.cli.main import main

main()
