"""Messages to patients: rows first, then sent, then settled."""
