"""The web application, as gunicorn loads it."""

from engage.app import create_app
from engage.kernel import serving

app = create_app()
serving.begin()
