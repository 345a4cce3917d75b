"""Who changed what, and who looked at whose chart."""
