"""The event streams, as gunicorn loads them."""

from engage.app import create_live

app = create_live()
