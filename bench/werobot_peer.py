"""The reference of P2: WeRoBot with its default session, in its own environment (`bench/peers.txt`)."""

from account import AES_KEY, APP_ID, GREETING, TOKEN  # run from this folder, without Engage
from flask import Flask
from werobot import WeRoBot
from werobot.contrib.flask import make_view

robot = WeRoBot(token=TOKEN, encoding_aes_key=AES_KEY, app_id=APP_ID)


@robot.subscribe
def greet(message, session):  # noqa: ARG001 WeRoBot asks by number of arguments
    """Answer a follower with a greeting; the session counts, so that it is read and written."""
    session["seen"] = session.get("seen", 0) + 1
    return GREETING


app = Flask(__name__)
app.add_url_rule(f"/hooks/wechat/{APP_ID}", view_func=make_view(robot), methods=["GET", "POST"])
