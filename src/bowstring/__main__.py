"""``python -m bowstring`` is the command line."""

from bowstring.cli import main

main()
