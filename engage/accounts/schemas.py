"""What is typed of an official account: in the console, and on the command line."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from engage.accounts.rules import MODES
from engage.kernel.errors import N_

NAME_LENGTH = 30
SLUG_LENGTH = 30

APP_ID = r"wx[0-9A-Za-z]{8,30}\Z"
APP_SECRET = r"[0-9A-Za-z-]{16,64}\Z"  # noqa: S105 what one looks like
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
