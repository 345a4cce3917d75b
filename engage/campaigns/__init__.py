"""Campaigns: a coupon given to many at a date and time, and told to them (CA-1, CA-5)."""
