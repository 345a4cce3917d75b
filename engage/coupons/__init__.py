"""Coupons: what the clinic gives, and what people hold of it."""
