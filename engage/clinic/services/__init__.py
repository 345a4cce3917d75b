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
from engage.clinic.services.doctors import create_doctor, update_doctor
from engage.clinic.services.ordering import move
from engage.clinic.services.rosters import Added, add_shift, add_shifts, remove_shift
from engage.clinic.services.stores import StoreDetails, create_store, update_store

__all__ = [
    "Added",
    "ItemDetails",
    "Roster",
    "StoreDetails",
    "add_shift",
    "add_shifts",
    "create_category",
    "create_complaint",
    "create_doctor",
    "create_item",
    "create_store",
    "move",
    "remove_category",
    "remove_complaint",
    "remove_item",
    "remove_shift",
    "update_category",
    "update_complaint",
    "update_doctor",
    "update_item",
    "update_store",
]
