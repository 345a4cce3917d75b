"""The web application, as gunicorn loads it."""

from engage.app import create_app
from engage.kernel import recent, soon

app = create_app()
recent.keep()
soon.gather()
