"""Booking on the phone (BK-6): store, doctor, day and time, who comes; then booked, or what is nearest."""
