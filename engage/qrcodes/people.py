"""What channel codes keep of people: who scanned which, when. It stays: codes are judged by it."""

from __future__ import annotations

from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, of_fan
from engage.qrcodes.models import PictureBundle, Scan

HOLDER = Holder(
    "qrcodes",
    (
        Kept(
            Scan,
            N_("Codes scanned"),
            columns=("fan_id",),
            whose=of_fan(Scan.fan_id),
            shown={"at": N_("Time"), "is_new": N_("Followed by it")},
        ),
    ),
    files=(PictureBundle.file,),
)
