"""The web application, as gunicorn loads it."""

from engage.app import create_app

app = create_app()
