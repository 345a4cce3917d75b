"""A fan's visits on the phone (BK-7): seen, moved, cancelled, promised, put into a calendar."""
