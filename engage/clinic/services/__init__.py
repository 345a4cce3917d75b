"""Setting up stores, doctors, items, complaint presets and rosters."""

from __future__ import annotations

from engage.clinic.rules import Roster
from engage.clinic.services.catalogue import (
    ItemDetails,
    create_category,
    create_complaint,
    create_item,
    remove_category,
    remove_complaint,
    remove_item,
    update_category,
    update_complaint,
    update_item,
)
from engage.clinic.services.closures import ClosureDetails, add_closure, remove_closure, update_closure
from engage.clinic.services.days import keep_holidays, remove_special_day, set_special_day
from engage.clinic.services.doctors import create_doctor, update_doctor
from engage.clinic.services.imports import Imported, import_days, import_rosters
from engage.clinic.services.ordering import move
from engage.clinic.services.periods import periods_of, set_days
from engage.clinic.services.pictures import (
    Picture,
    add_picture,
    move_picture,
    remove_picture,
    set_logo,
    set_portrait,
)
from engage.clinic.services.rosters import Added, add_shift, add_shifts, remove_shift
from engage.clinic.services.stores import StoreDetails, create_store, update_store
from engage.clinic.services.taking_back import take_back_days, take_back_rosters
from engage.clinic.services.welcome import set_welcome

__all__ = [
    "Added",
    "ClosureDetails",
    "Imported",
    "ItemDetails",
    "Picture",
    "Roster",
    "StoreDetails",
    "add_closure",
    "add_picture",
    "add_shift",
    "add_shifts",
    "create_category",
    "create_complaint",
    "create_doctor",
    "create_item",
    "create_store",
    "import_days",
    "import_rosters",
    "keep_holidays",
    "move",
    "move_picture",
    "periods_of",
    "remove_category",
    "remove_closure",
    "remove_complaint",
    "remove_item",
    "remove_picture",
    "remove_shift",
    "remove_special_day",
    "set_days",
    "set_logo",
    "set_portrait",
    "set_special_day",
    "set_welcome",
    "take_back_days",
    "take_back_rosters",
    "update_category",
    "update_closure",
    "update_complaint",
    "update_doctor",
    "update_item",
    "update_store",
]
