"""Stores, doctors and their rosters."""
