"""WeChat's API at its real paths."""

from sandbox.api import sns, template, token, user

BLUEPRINTS = (token.blueprint, template.blueprint, user.blueprint, sns.blueprint)
