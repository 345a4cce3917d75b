"""What every feature stands on: the database session, events, errors, time, ids. Knows no feature."""
