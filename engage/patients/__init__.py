"""Patients: their charts, who of the fans speaks for them, and what happened to them."""
