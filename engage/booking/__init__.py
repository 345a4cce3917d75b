"""Appointments and the ledger of places they draw on."""
