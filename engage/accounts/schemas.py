"""What is typed of an official account: in the console, and on the command line."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.accounts.rules import MODES
from engage.kernel.errors import N_

NAME_LENGTH = 30
SLUG_LENGTH = 30
WELCOME_LENGTH = 500
# What WeChat takes of a text (WeChat §3).
GREETING_BYTES = 2048

APP_ID = r"wx[0-9A-Za-z]{8,30}\Z"
APP_SECRET = r"[0-9A-Za-z-]{16,64}\Z"  # noqa: S105 what one looks like
# No control characters but line breaks.
PLAIN_TEXT = r"[^\x00-\x09\x0b-\x1f\x7f]*\Z"
SLUG = r"[a-z0-9][a-z0-9-]{1,29}\Z"

_WRONG_SECRET = N_("Please copy the app secret again: 32 letters and digits.")


class DetailsIn(Schema):
    """What can be changed of an account; an empty secret keeps the old one."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    name = fields.String(
        required=True,
        validate=[
            validate.Length(min=1, error=N_("Please fill this in.")),
            validate.Length(max=NAME_LENGTH, error=N_("At most 30 characters.")),
            validate.Predicate("isprintable", error=N_("Please leave out special characters.")),
        ],
    )
    secret = fields.String(required=True, validate=validate.Regexp(rf"\Z|{APP_SECRET}", error=_WRONG_SECRET))
    mode = fields.String(required=True, validate=validate.OneOf(MODES, error=N_("Please choose a mode.")))
    store = fields.String(load_default="")
    welcome = fields.String(
        required=True,
        validate=[
            validate.Length(max=WELCOME_LENGTH, error=N_("At most 500 characters.")),
            validate.Regexp(PLAIN_TEXT, error=N_("Please leave out special characters.")),
        ],
    )


class AccountIn(DetailsIn):
    """What an account is connected with."""

    app_id = fields.String(
        required=True,
        validate=validate.Regexp(
            APP_ID, error=N_("An app ID begins with wx, followed by letters and digits.")
        ),
    )
    secret = fields.String(required=True, validate=validate.Regexp(APP_SECRET, error=_WRONG_SECRET))
    slug = fields.String(
        required=True,
        validate=validate.Regexp(SLUG, error=N_("2 to 30 small letters, digits and hyphens.")),
    )


def check_greeting(text: str) -> None:
    """Check the welcome as it goes out, with addresses in the place of `{booking}` and `{bind}`.

    Raises:
        ValidationError: WeChat would not take it.
    """
    if len(text.encode()) > GREETING_BYTES:
        raise ValidationError(
            {"welcome": [N_("Too long once addresses of your pages stand for {booking} and {bind}.")]}
        )
