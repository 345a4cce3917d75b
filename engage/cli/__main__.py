"""`python -m engage.cli …` is `engage …`, for where the script is not on the path."""

from engage.cli import main

main()
