"""What coupons keep of people: what was given and used. It stays: stock and limits count it."""

from __future__ import annotations

from engage.coupons.models import CouponGrant
from engage.coupons.rules import STANDINGS
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, of_fan

HOLDER = Holder(
    "coupons",
    (
        Kept(
            CouponGrant,
            N_("Coupons"),
            columns=("fan_id",),
            whose=of_fan(CouponGrant.fan_id),
            shown={
                "granted_at": N_("Given"),
                "code": N_("Code"),
                "state": N_("State"),
                "valid_until": N_("Valid until"),
                "redeemed_at": N_("Used"),
            },
            words={"state": STANDINGS},
        ),
    ),
)
