"""The clinic keeps nothing of people; its pictures are files that stay while a store or doctor shows them."""

from __future__ import annotations

from engage.clinic.models import Doctor, Store, StorePicture
from engage.kernel.people import Holder

HOLDER = Holder("clinic", (), files=(Store.logo, StorePicture.file, Doctor.portrait))
