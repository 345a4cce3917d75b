"""The web application, as gunicorn loads it."""

import gc

from engage.app import create_app
from engage.kernel import recent, soon

app = create_app()
recent.keep()
soon.gather()

# What is loaded by now stays, and requests leave few circles: looking for them took a twentieth of a page.
gc.freeze()
gc.set_threshold(20_000, 10, 10)
