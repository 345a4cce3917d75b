"""Audiences: people chosen by what is known of them, for lists and campaigns (PT-3, CA-1)."""
