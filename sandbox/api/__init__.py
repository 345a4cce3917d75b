"""WeChat's API at its real paths."""

from sandbox.api import (
    custom,
    industry,
    kfaccount,
    material,
    media,
    menu,
    openapi,
    qrcode,
    sns,
    tags,
    template,
    ticket,
    token,
    user,
)

BLUEPRINTS = tuple(
    module.blueprint
    for module in (
        custom,
        industry,
        kfaccount,
        material,
        media,
        menu,
        openapi,
        qrcode,
        sns,
        tags,
        template,
        ticket,
        token,
        user,
    )
)
