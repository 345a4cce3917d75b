"""What can be done with coupons."""

from __future__ import annotations

from engage.coupons.services.coupons import NewCoupon, create, edit, publish, withdraw
from engage.coupons.services.granting import GrantedMany, grant_many
from engage.coupons.services.redeeming import REFUSALS, redeem

__all__ = [
    "REFUSALS",
    "GrantedMany",
    "NewCoupon",
    "create",
    "edit",
    "grant_many",
    "publish",
    "redeem",
    "withdraw",
]
